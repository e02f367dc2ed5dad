"""Builds in a real sandbox: what a step can see, and that every way it can end is told."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from deployd.builders.builder import SandboxedBuilder
from deployd.builders.toolchains.installed import InstalledToolchains
from deployd.builders.workshop import Workshop
from deployd.domain.build import BuildPlan, BuildWishes
from deployd.domain.errors import BuildFailed
from tests.deployd.builders.exits import still_alive


class Bench:
    """A project with its cache, and the lines that its build said."""

    def __init__(self, folder: Path, workshop: Workshop) -> None:
        self.folder = folder
        self.workshop = workshop
        self.project = folder / "project"
        self.project.mkdir()
        self.toolchains = InstalledToolchains(folder / "toolchains", workshop)
        self.builder = SandboxedBuilder(workshop, self.toolchains, timeout_seconds=60)
        self.said: list[str] = []

    async def run(self, *steps: str, env: dict[str, str] | None = None) -> list[str]:
        plan = BuildPlan(builder="test", why="a test", steps=steps, env={"FROM_PLAN": "plan"})
        await self.builder.build(self.project, plan, env or {}, self.folder / "cache", self.said.append)
        return [line for line in self.said if not line.startswith(("$ ", "warning: "))]


async def make_bench(folder: Path, kind: str) -> Bench:
    workshop = Workshop(bwrap=kind == "sandboxed")
    reason = await workshop.why_not_sandboxed() if kind == "sandboxed" else None
    if reason is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return Bench(folder, workshop)


@pytest.fixture
async def sandboxed(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = await make_bench(tmp_path, "sandboxed")
    yield bench
    await bench.builder.close()


@pytest.fixture(params=["sandboxed", "plain"])
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return await make_bench(tmp_path, request.param)


async def test_a_build_cannot_read_what_lies_outside(sandboxed: Bench) -> None:
    secret = sandboxed.folder / "secret"
    secret.write_text("planted")
    secret.chmod(0o644)
    shown = await sandboxed.run(
        f"cat {secret} ../secret /proc/1/root{secret} /etc/shadow; ls -d /app /cache /root /home; true"
    )
    assert not any("planted" in line or "root:" in line for line in shown)
    assert "/app" in shown


async def test_only_project_and_cache_can_be_written_and_tmp_is_its_own(sandboxed: Bench) -> None:
    mark = f"deployd-test-{uuid.uuid4().hex}"
    await sandboxed.run(
        "echo kept > file",
        "echo kept > /cache/file",
        f"touch /tmp/{mark}",
        f"! touch /usr/{mark} 2>/dev/null && ! touch /etc/{mark} /{mark} 2>/dev/null",
    )
    assert (sandboxed.project / "file").read_text() == "kept\n"
    assert (sandboxed.folder / "cache/work/file").read_text() == "kept\n"
    assert mark not in os.listdir("/tmp")


async def test_the_environment_holds_the_apps_the_plans_and_nothing_of_ours(
    sandboxed: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYD_MASTER", "planted")
    shown = await sandboxed.run(
        "tr '\\0' '\\n' < /proc/1/environ; env; cat /proc/*/environ | tr '\\0' '\\n'",
        env={"FROM_APP": "a 'quoted' $value"},
    )
    assert "FROM_APP=a 'quoted' $value" in shown
    assert "FROM_PLAN=plan" in shown
    assert not any("planted" in line for line in shown)


async def test_what_a_plan_or_an_app_sets_wins_over_the_base(sandboxed: Bench) -> None:
    assert await sandboxed.run("echo $UV_PYTHON", env={"UV_PYTHON": "/opt/python"}) == ["/opt/python"]


async def test_values_of_the_env_are_in_no_command_line(sandboxed: Bench) -> None:
    value = uuid.uuid4().hex
    lines: list[str] = []

    def look(line: str) -> None:
        if line == "running":
            lines.extend(" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))

    plan = BuildPlan(builder="test", why="a test", steps=("echo running; sleep 0.2",))
    await sandboxed.builder.build(sandboxed.project, plan, {"KEY": value}, sandboxed.folder / "cache", look)
    assert any("echo running" in line for line in lines)
    assert not any(value in line for line in lines)


async def test_a_build_is_not_root_and_sees_no_process_of_the_host(sandboxed: Bench) -> None:
    shown = await sandboxed.run("id -u; ls -d /proc/[0-9]* | wc -l")
    assert int(shown[0]) != 0
    assert int(shown[1]) < 8


async def test_a_library_to_preload_is_not_loaded_outside_the_sandbox(sandboxed: Bench) -> None:
    shown = await sandboxed.run("echo done", env={"LD_PRELOAD": "/app/evil.so"})
    complaints = [line for line in shown if "evil.so" in line]
    assert "done" in shown
    assert not any(program in line for line in complaints for program in ("unshare", "setpriv", "mount"))


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("exit 7", "`exit 7` exited with code 7"),
        ("kill -9 $$", r"was killed \(SIGKILL\): most likely the machine ran out of memory"),
        ("kill -SEGV $$", "was killed by SIGSEGV"),
    ],
)
async def test_a_step_that_fails_ends_the_build_and_is_named(either: Bench, step: str, sentence: str) -> None:
    with pytest.raises(BuildFailed, match=sentence):
        await either.run("echo before", step, "echo after")
    assert "before" in either.said
    assert "after" not in either.said


class Stubborn:
    """A step whose children leave its group; once it says so, `pids` are all of them as this host sees them."""

    def __init__(self) -> None:
        self._mark = str(300 + uuid.uuid4().int % 10**9 / 10**9)
        self.step = f"setsid setsid sh -c 'echo started; exec sleep {self._mark}' & sleep {self._mark}"
        self.started = asyncio.Event()
        self.pids: list[int] = []

    def look(self, line: str) -> None:
        if line == "started":
            self.pids = [
                process.pid
                for process in psutil.process_iter(["cmdline"])
                if self._mark in " ".join(process.info["cmdline"] or ())
            ]
            self.started.set()


async def test_a_build_over_its_time_is_stopped_with_everything_it_started(either: Bench) -> None:
    builder = SandboxedBuilder(either.workshop, either.toolchains, timeout_seconds=1)
    stubborn = Stubborn()
    plan = BuildPlan(builder="test", why="a test", steps=(stubborn.step,))
    with pytest.raises(BuildFailed, match="took longer than 1 s"):
        await builder.build(either.project, plan, {}, either.folder / "cache", stubborn.look)
    assert len(stubborn.pids) >= 3
    assert await still_alive(stubborn.pids) == []


async def test_cancelling_kills_the_grandchildren_in_the_sandbox(sandboxed: Bench) -> None:
    stubborn = Stubborn()
    plan = BuildPlan(builder="test", why="a test", steps=(stubborn.step,))
    build = sandboxed.builder.build(sandboxed.project, plan, {}, sandboxed.folder / "cache", stubborn.look)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(build)
        await asyncio.wait_for(stubborn.started.wait(), 10)
        task.cancel()
    assert task.cancelled()
    assert len(stubborn.pids) >= 3
    assert await still_alive(stubborn.pids) == []


async def test_without_a_sandbox_the_log_says_so_once(tmp_path: Path) -> None:
    plain = await make_bench(tmp_path, "plain")
    await plain.run("true", "true")
    assert [line for line in plain.said if line.startswith("warning: this build is not sandboxed")] == plain.said[:1]


async def test_a_cache_that_an_earlier_build_spoilt_is_mended(sandboxed: Bench) -> None:
    await sandboxed.run("rm -rf /cache/home && ln -s /nowhere /cache/home")
    assert (await sandboxed.run("echo $HOME > $HOME/x && cat $HOME/x"))[-1] == "/cache/home"


async def test_an_output_folder_that_leads_out_of_the_project_is_refused(sandboxed: Bench) -> None:
    plan = BuildPlan(builder="test", why="a test", steps=("ln -s /etc dist",), static_root="dist")
    with pytest.raises(BuildFailed, match="leads out of the project"):
        await sandboxed.builder.build(sandboxed.project, plan, {}, sandboxed.folder / "cache", sandboxed.said.append)


async def test_a_missing_output_folder_is_named(sandboxed: Bench) -> None:
    plan = BuildPlan(builder="test", why="a test", static_root="dist")
    with pytest.raises(BuildFailed, match="left no folder 'dist'"):
        await sandboxed.builder.build(sandboxed.project, plan, {}, sandboxed.folder / "cache", sandboxed.said.append)


async def test_a_manifest_that_is_a_link_to_a_file_of_the_host_is_not_read(sandboxed: Bench) -> None:
    (sandboxed.project / "package.json").symlink_to("/etc/passwd")
    with pytest.raises(BuildFailed, match="leads out of the repository"):
        await sandboxed.builder.plan(sandboxed.project, BuildWishes())


async def test_the_plan_is_made_from_the_files_on_the_disk(sandboxed: Bench) -> None:
    (sandboxed.project / "public").mkdir()
    (sandboxed.project / "public/index.html").touch()
    plan = await sandboxed.builder.plan(sandboxed.project, BuildWishes())
    assert plan.static_root == "public"
