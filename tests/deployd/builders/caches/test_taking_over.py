"""Whole builds with a cache: what the second one does not do again, and that nobody sees a difference."""

import os
import shutil
from pathlib import Path

import msgspec
import pytest

from deployd.builders.workshop import Workshop
from deployd.domain.build import Dependencies
from deployd.domain.errors import BuildFailed
from tests.deployd.builders.caches.counting import PLAN, Yard, write_project

TAKEN_OVER = "The packages are taken over from an earlier build: nothing that decides them has changed."
PRUNED_AGAIN = "The packages for the build only are removed as in an earlier build."
assert PLAN.dependencies is not None
PACKAGES: Dependencies = PLAN.dependencies


@pytest.fixture(params=["sandboxed", "plain"])
async def yard(request: pytest.FixtureRequest, tmp_path: Path) -> Yard:
    workshop = Workshop(bwrap=request.param == "sandboxed")
    if request.param == "sandboxed" and (reason := await workshop.why_not_sandboxed()):
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return Yard(tmp_path, workshop)


def project(yard: Yard, lock: str = "1") -> Path:
    folder = yard.folder / "project"
    shutil.rmtree(folder, ignore_errors=True)
    return write_project(folder, lock)


async def test_the_second_build_installs_and_prunes_nothing_and_gives_the_same(yard: Yard) -> None:
    first = await yard.build(project(yard))
    assert {"installed", "pruned"} <= set(yard.said)
    for tidied in (False, True, True):
        assert await yard.build(project(yard)) == first
        assert {TAKEN_OVER, "reused", PRUNED_AGAIN} <= set(yard.said)
        assert not {"installed", "pruned"} & set(yard.said)
        if tidied:
            assert await yard.builder.tidy(yard.cache) is None


async def test_another_lockfile_is_installed_and_both_are_remembered(yard: Yard) -> None:
    one, two = await yard.build(project(yard, "1")), await yard.build(project(yard, "2"))
    assert "installed" in yard.said
    assert one != two
    assert [await yard.build(project(yard, lock)) for lock in "12"] == [one, two]
    assert TAKEN_OVER in yard.said


async def test_a_build_that_generates_into_its_packages_is_honest_at_the_cost_of_one_installation(yard: Yard) -> None:
    digests, installed = set(), []
    for _ in range(4):
        folder = project(yard)
        (folder / "in-place").touch()
        digests.add(await yard.build(folder))
        installed.append("installed" in yard.said)
        await yard.builder.tidy(yard.cache)
    assert len(digests) == 1
    assert installed == [True, True, False, False]


async def test_what_frameworks_keep_is_there_the_next_time_and_in_no_artifact(yard: Yard) -> None:
    await yard.build(project(yard))
    plan = msgspec.structs.replace(PLAN, steps=("wc -c < .next/cache/pack",))
    folder = project(yard)
    await yard.build(folder, plan)
    assert "100000" in yard.said
    assert not (folder / ".next/cache").exists()


async def test_packages_that_are_not_reusable_are_installed_each_time(yard: Yard) -> None:
    plan = msgspec.structs.replace(PLAN, dependencies=msgspec.structs.replace(PACKAGES, reusable=False))
    for _ in range(2):
        await yard.build(project(yard), plan)
        assert {"installed", "pruned"} <= set(yard.said)


async def test_packages_of_an_app_that_does_not_build_are_taken_over_when_it_is_mended(yard: Yard) -> None:
    with pytest.raises(BuildFailed, match="exited with code 3"):
        await yard.build(project(yard), msgspec.structs.replace(PLAN, steps=("exit 3",)))
    await yard.build(project(yard))
    assert TAKEN_OVER in yard.said
    assert "pruned" in yard.said


async def test_an_installation_that_fails_leaves_no_tree(yard: Yard) -> None:
    failing = msgspec.structs.replace(PACKAGES, steps=("python3 install.py && exit 5",))
    for _ in range(2):
        with pytest.raises(BuildFailed, match="exited with code 5"):
            await yard.build(project(yard), msgspec.structs.replace(PLAN, dependencies=failing))
        assert "installed" in yard.said


async def test_a_build_cannot_reach_the_kept_trees_by_name(tmp_path: Path) -> None:
    workshop = Workshop()
    if await workshop.why_not_sandboxed():
        pytest.skip("there is no sandbox")
    yard = Yard(tmp_path, workshop)
    await yard.build(project(yard))
    plan = msgspec.structs.replace(PLAN, dependencies=None, steps=("ls -a /cache /cache/..; ls /cache/trees; true",))
    await yard.build(project(yard), plan)
    assert "home" in yard.said
    assert not any(line in ("trees", "kept") for line in yard.said)


async def test_a_cache_is_below_its_budget_once_the_builder_has_tidied_up(tmp_path: Path) -> None:
    yard = Yard(tmp_path, Workshop(bwrap=False), cache_mb=1)
    digest = await yard.build(project(yard))
    await yard.builder.tidy(yard.cache)
    held = sum(path.lstat().st_blocks * 512 for path in yard.cache.rglob("*"))
    assert held < 1 << 20
    assert await yard.build(project(yard)) == digest
    assert "installed" in yard.said


async def test_a_hostile_build_gets_no_file_of_the_host_into_its_packages(yard: Yard) -> None:
    """Each step puts a link where deployd will look next, as root perhaps."""
    secret = yard.folder / "secret"
    secret.mkdir()
    (secret / "file").write_text("planted")
    swap = f"rm -rf web && ln -s {secret} web"
    for dependencies, steps in (
        (msgspec.structs.replace(PACKAGES, steps=(*PACKAGES.steps, swap), prune=()), ()),
        (PACKAGES, (swap,)),
        (msgspec.structs.replace(PACKAGES, prune=(*PACKAGES.prune, swap)), ()),
    ):
        plan = msgspec.structs.replace(PLAN, dependencies=dependencies, steps=steps, kept=("web/cache",))
        for _ in range(2):
            with pytest.raises(BuildFailed, match="points outside the project"):
                await yard.build(project(yard), plan)
    assert [path.name for path in secret.iterdir()] == ["file"]
    assert not any(path.is_file() and path.read_bytes() == b"planted" for path in yard.cache.rglob("file"))
