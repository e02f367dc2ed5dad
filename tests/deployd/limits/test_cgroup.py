"""Limits in control groups: which files carry them, and which groups are made and removed."""

import os
from pathlib import Path

import pytest

from deployd.domain.app import Limits
from deployd.limits.cgroup import Folder, Group, make_room, v2_base
from deployd.limits.cgroup_limits import Setting, settings


def test_limits_of_zero_set_nothing() -> None:
    assert settings(Limits(pids=0), v2=True) + settings(Limits(pids=0), v2=False) == []


def test_limits_become_files_of_v2() -> None:
    assert [
        Setting("memory", "memory.max", "268435456"),
        Setting("memory", "memory.swap.max", "0", essential=False),
        Setting("memory", "memory.oom.group", "1", essential=False),
        Setting("pids", "pids.max", "9"),
        Setting("cpu", "cpu.max", "50000 100000"),
    ] == settings(Limits(memory_mb=256, cpus=0.5, pids=9), v2=True)


def test_limits_become_files_of_v1() -> None:
    assert [
        Setting("memory", "memory.limit_in_bytes", "268435456"),
        Setting("memory", "memory.memsw.limit_in_bytes", "268435456", essential=False),
        Setting("pids", "pids.max", "9"),
        Setting("cpu", "cpu.cfs_period_us", "100000"),
        Setting("cpu", "cpu.cfs_quota_us", "150000"),
    ] == settings(Limits(memory_mb=256, cpus=1.5, pids=9), v2=False)


def test_a_delegated_service_makes_its_groups_beside_its_own() -> None:
    own = Path("/system.slice/deployd.service/main")
    assert v2_base(Path("/cg"), own) == Path("/cg/system.slice/deployd.service")


def test_a_group_of_v2_is_limited_by_the_files_it_has(tmp_path: Path) -> None:
    for name in ("memory.max", "pids.max"):
        (tmp_path / name).write_text("max\n")
    group = Group((Folder(tmp_path, v2=True),))
    assert group.limit(Limits(memory_mb=1, cpus=1.0, pids=7)) == ["cpu"]
    assert (tmp_path / "memory.max").read_text().startswith("1048576")
    assert (tmp_path / "pids.max").read_text().startswith("7")


@pytest.mark.parametrize(("kills", "expected"), [(0, False), (2, True)])
def test_a_group_of_v2_counts_its_memory_kills(tmp_path: Path, kills: int, expected: bool) -> None:
    (tmp_path / "memory.events").write_text(f"low 0\noom 3\noom_kill {kills}\noom_group_kill 0\n")
    assert Group((Folder(tmp_path, v2=True),)).ran_out_of_memory() is expected


@pytest.mark.parametrize(("refused", "expected"), [(0, False), (5, True)])
def test_a_group_counts_the_processes_it_was_refused(tmp_path: Path, refused: int, expected: bool) -> None:
    (tmp_path / "pids.events").write_text(f"max {refused}\n")
    assert Group((Folder(tmp_path, v2=False),)).ran_out_of_pids() is expected


def a_group(folder: Path, *pids: int) -> Path:
    folder.mkdir()
    (folder / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))
    return folder


def test_what_runs_in_the_group_of_a_delegated_service_moves_below_it(tmp_path: Path) -> None:
    service = a_group(tmp_path / "deployd.service", 71)
    if os.geteuid() == 0:
        os.setxattr(service, "user.delegate", b"1")
    room = a_group(service / "main")
    make_room(service)
    assert (room / "cgroup.procs").read_text() == "71"


@pytest.mark.parametrize("name", ["session-2.scope", "deployd.service"])
def test_nothing_moves_in_a_group_that_is_not_ours(tmp_path: Path, name: str) -> None:
    group = a_group(tmp_path / name, 71)
    if os.geteuid() != 0 and name == "deployd.service":
        pytest.skip("here whatever a test makes is its own")
    make_room(group)
    assert not (group / "main").exists()


def test_limits_that_were_taken_away_are_set_again_and_others_stay(tmp_path: Path) -> None:
    for name, value in {"memory.max": "max", "memory.oom.group": "0", "pids.max": "5", "cpu.max": "max 100000"}.items():
        (tmp_path / name).write_text(f"{value}\n")
    Group((Folder(tmp_path, v2=True),)).limit_again(Limits(memory_mb=1, cpus=0.5, pids=7))
    assert (tmp_path / "memory.max").read_text().startswith("1048576")
    assert (tmp_path / "memory.oom.group").read_text().startswith("1")
    assert (tmp_path / "pids.max").read_text().startswith("5")
    assert (tmp_path / "cpu.max").read_text().startswith("50000 100000")
