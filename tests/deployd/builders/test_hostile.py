"""Repositories that want more than to be built: none gets at the host, at deployd or at a later build."""

import asyncio
import ctypes
import os
import platform
import stat
from pathlib import Path

import pytest

from deployd.adapters.local_artifacts.artifacts import LocalArtifacts
from deployd.builders.listing import list_project
from deployd.builders.syscalls import keyring_filter
from deployd.domain.errors import BuildFailed
from tests.deployd.builders.exits import still_alive
from tests.deployd.builders.yards import ROOT_ONLY, Yard, make_yard

KEYCTL = {"x86_64": 250, "aarch64": 219}


@pytest.fixture
async def yard(tmp_path: Path) -> Yard:
    return await make_yard(tmp_path)


# Files of the host


@ROOT_ONLY
async def test_links_in_a_repository_do_not_give_the_hosts_files_away(yard: Yard) -> None:
    outside = yard.folder / "outside"
    outside.mkdir()
    (outside / "secret").write_text("planted")
    (yard.project / "file").symlink_to(outside / "secret")
    (yard.project / "folder").symlink_to(outside)
    (yard.project / "own").touch()
    await yard.build()
    assert [os.stat(path).st_uid for path in (outside, outside / "secret")] == [0, 0]
    assert os.stat(yard.project / "own").st_uid != 0


async def test_links_that_a_build_leaves_in_its_cache_lead_a_later_build_nowhere(yard: Yard) -> None:
    outside = yard.folder / "outside"
    outside.mkdir()
    (outside / "secret").write_text("planted")
    await yard.build(f"rm -rf ~ && ln -s {outside} ~ && ln -s {outside} /cache/npm")
    shown = await yard.build("ls -A ~ | wc -l; ls /cache/npm/ || true; touch /cache/npm/mine || true")
    assert shown[0] == "0"
    assert os.listdir(outside) == ["secret"]
    assert os.stat(outside).st_uid == os.geteuid()


@pytest.mark.parametrize(
    "attempt",
    [
        "ln /usr/bin/env stolen",
        "ln /etc/passwd stolen",
        "mknod disk b 8 0",
        "mount -t tmpfs none /app",
        "mount -o remount,rw /usr",
        "unshare --user true",
        "chown 0 file",
        "echo x > /usr/bin/env",
        "echo x > /etc/passwd",
        "echo x > /proc/sys/kernel/core_pattern",
        "kill -9 -1 && ls /proc/2",
        "nsenter --target 1 --mount ls /root",
        "chroot / true",
    ],
)
async def test_a_step_may_not(yard: Yard, attempt: str) -> None:
    (yard.project / "file").touch()
    with pytest.raises(BuildFailed):
        await yard.build(attempt)


async def test_a_step_that_no_program_can_be_given_fails_in_a_sentence(yard: Yard) -> None:
    with pytest.raises(BuildFailed, match="A build step holds a NUL byte"):
        await yard.build("echo a\0b")


async def test_programs_with_the_setuid_bit_give_no_rights(yard: Yard) -> None:
    shown = await yard.build("grep -hE '^(NoNewPrivs|CapEff|CapBnd|CapPrm):' /proc/self/status; id -G")
    assert [line.split()[1] for line in shown[:4]] == ["0" * 16, "0" * 16, "0" * 16, "1"]
    assert "0" not in shown[4].split()


async def test_devices_pipes_and_setuid_bits_are_not_in_the_artifact(yard: Yard) -> None:
    await yard.build("mkfifo pipe; cp /usr/bin/id id; chmod 6777 id; mkdir open; chmod 1777 open; touch 'a\nb'")
    store = LocalArtifacts(yard.folder / "store")
    release = yard.folder / "release"
    await store.unpack(await store.pack(yard.project), release)
    assert {path.name: stat.S_IMODE(path.lstat().st_mode) for path in release.iterdir()} == {
        "id": 0o755,
        "open": 0o755,
        "a\nb": 0o644,
    }


# What later builds find


async def test_each_build_has_a_new_home(yard: Yard) -> None:
    await yard.build("echo token > ~/.npmrc; mkdir -p ~/.config/pip; echo trap > ~/.config/pip/pip.conf; cat ~/.npmrc")
    assert await yard.build("ls -A ~") == []


async def test_a_home_that_cannot_be_written_or_is_endlessly_deep_goes_all_the_same(yard: Yard) -> None:
    deep = "import os\nfor _ in range(3000):\n    os.mkdir('d'); os.chdir('d')"
    await yard.build(f'cd && mkdir -p go/mod && touch go/mod/file && chmod -R 0555 go && python3 -c "{deep}"')
    assert await yard.build("ls -A ~") == []


def fill_with_odd_names(project: Path) -> None:
    folder = os.open(project, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=folder)
        deeper = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = deeper
    os.close(folder)
    Path(os.fsdecode(bytes(project) + b"/\xff\n-rf")).touch()


async def test_a_project_of_any_depth_and_with_any_names_is_built(tmp_path: Path) -> None:
    yard = await make_yard(tmp_path, name='it\'s a\n"project" $(false)')
    fill_with_odd_names(yard.project)
    assert await yard.build("ls | wc -l; pwd") == ["3", "/app"]
    await yard.build("find . -depth -mindepth 1 -delete")


async def test_one_apps_build_finds_neither_cache_nor_env_of_another(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = await make_yard(tmp_path / "one"), await make_yard(tmp_path / "two")
    await one.build(
        "echo planted > /cache/mine; echo planted > /tmp/mine; echo planted > /dev/shm/mine", env={"KEY": "planted"}
    )
    shown = await two.build("cat /cache/* /tmp/* /dev/shm/* /proc/*/environ | tr '\\0' '\\n'; true")
    assert not any("planted" in line for line in shown)


# Processes


async def test_a_daemon_that_hides_from_its_step_is_killed_even_without_a_sandbox(tmp_path: Path) -> None:
    yard = await make_yard(tmp_path, bwrap=False)
    hidden = "env -i setsid sh -c 'trap \"\" TERM HUP; sleep 300' > /dev/null 2>&1 & echo $!"
    (pid,) = await yard.build(hidden)
    assert await still_alive([int(pid)]) == []


async def test_a_step_that_closes_its_output_is_waited_for(yard: Yard) -> None:
    with pytest.raises(BuildFailed, match="exited with code 3"):
        await yard.build("exec > /dev/null 2>&1; sleep 0.2; exit 3")


async def test_a_step_that_ignores_every_signal_is_stopped(yard: Yard) -> None:
    deaf = "trap '' TERM HUP INT QUIT; echo deaf; while true; do sleep 1; done"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(yard.build(deaf), 3)
    assert "deaf" in yard.said


async def test_a_flood_of_lines_ends_with_a_word_and_the_loop_goes_on(yard: Yard) -> None:
    loop, longest = asyncio.get_running_loop(), [0.0, 0.0]

    def beat(expected: float) -> None:
        longest[0] = max(longest[0], loop.time() - expected)
        longest[1] = loop.time() + 0.005
        handle[0] = loop.call_at(longest[1], beat, longest[1])

    handle = [loop.call_soon(beat, loop.time())]
    shown = await yard.build("yes '' | head -c 20000000; yes | head -c 20000000")
    handle[0].cancel()
    assert len(shown) < 300_000
    assert [line for line in shown if line not in ("", "y")] == [
        "The build has written more than 16 MiB; the rest is not shown."
    ]
    assert longest[0] < 0.5


@pytest.mark.skipif(platform.machine() not in KEYCTL, reason="the numbers of this machine's calls are not known")
async def test_the_keys_of_the_session_are_out_of_reach(yard: Yard) -> None:
    number = KEYCTL[platform.machine()]
    call = f"import ctypes; c = ctypes.CDLL(None, use_errno=True); print(c.syscall({number}, 0, -3, 0))"
    assert await yard.build(f'python3 -c "{call}; print(ctypes.get_errno())"') == ["-1", "1"]


def test_a_machine_whose_calls_are_not_known_is_not_filtered() -> None:
    assert len(keyring_filter("riscv64")) == ctypes.sizeof(ctypes.c_uint64)


# Manifests


async def test_a_manifest_that_is_a_pipe_keeps_nobody_waiting(yard: Yard) -> None:
    os.mkfifo(yard.project / "package.json")
    with pytest.raises(BuildFailed, match="not a regular file"):
        await asyncio.wait_for(asyncio.to_thread(lambda: list_project(yard.project).text("package.json")), 5)


async def test_a_manifest_of_gigabytes_is_not_read(yard: Yard) -> None:
    (yard.project / "package.json").touch()
    os.truncate(yard.project / "package.json", 5 << 30)
    with pytest.raises(BuildFailed, match="larger than"):
        list_project(yard.project).text("package.json")
