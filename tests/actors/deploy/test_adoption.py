"""deployd is killed before each single write of a decision about two releases; the next one makes one of them whole."""

import asyncio
import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.actors.deploy import frail_house

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["pytest", frail_house.__name__])
_AT_ONCE = 6
_MOST = 80
_UNPROVED = "deployd was restarted in the middle of the switch"


async def run(folder: Path, what: str, number: int) -> int:
    """Its exit code, asked for in this thread alone: starting another one asks for that of all, and it is told once."""
    process = _FORKS.Process(target=frail_house.run, args=(folder, what, number))
    process.start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(process.sentinel, ended.set)
    try:
        async with asyncio.timeout(120):
            await ended.wait()
    finally:
        asyncio.get_running_loop().remove_reader(process.sentinel)
        if not ended.is_set():
            process.kill()
    assert process.exitcode is not None
    return process.exitcode


def fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def killed_at(folder: Path, scenario: str, number: int) -> dict[str, Any] | None:
    """What the next start made of it; None when it came to its end before that write."""
    try:
        code = await run(folder, scenario, number)
        assert code in (0, -signal.SIGKILL)
        assert await run(folder, frail_house.LOOK, 0) == 0
        return json.loads((folder / frail_house.FOUND).read_text()) if code else None
    finally:
        for line in frail_house.processes_below(folder):
            os.kill(int(line.split()[2]), signal.SIGKILL)
        shutil.rmtree(folder)


def is_whole(found: dict[str, Any]) -> None:
    """One release has all its processes and nothing else runs, but a canary's own."""
    live, canary = found["release"], found["canary"]
    web = [[live, "web.1", "running"]] + ([[2, "web.1", "running"]] if canary else [])
    assert found["instances"] == sorted([[live, "jobs.1", "running"], *web])
    names = [f"{live} python3", f"{live} sleep"] + (["2 python3"] if canary else [])
    assert sorted(" ".join(line.split()[:2]) for line in found["processes"]) == sorted(names)
    assert found["outputs"] == found["ids"]
    assert found["answer"] == f"v{live}"
    assert found["to_canary"] == ("v2" if canary else f"v{live}")
    assert all(outcome is not None for _, _, outcome, _ in found["deployments"])


Found = dict[str, Any]


def a_swap_back(found: Found, _: str, outcome: str, reason: str) -> None:
    assert outcome == ("reverted" if found["release"] == 1 else "live")
    assert (found["release"] == 2) or "were answered with errors by v2, so traffic went back to" in reason


def a_warm_rollback(found: Found, trigger: str, outcome: str, reason: str | None) -> None:
    """Carried out or not, and its deployment says which."""
    assert trigger == "rollback"
    carried_out(found["release"] == 1, outcome, reason)


def a_promotion(found: Found, trigger: str, outcome: str, reason: str | None) -> None:
    assert trigger == "promote"
    assert found["canary"] == (found["release"] == 1)
    carried_out(found["release"] == 2, outcome, reason)


def a_restart(found: Found, trigger: str, outcome: str, reason: str | None) -> None:
    assert (trigger, found["release"]) == ("restart", 1)
    carried_out(outcome == "live" or _UNPROVED in str(reason), outcome, reason)


def carried_out(done: bool, outcome: str, reason: str | None) -> None:
    assert outcome in (("live", "interrupted") if done else ("interrupted",))
    assert outcome == "live" or str(reason).startswith(_UNPROVED) == done


def a_beginning(found: Found, _: str, outcome: str, reason: str | None) -> None:
    assert (found["release"], outcome) == (1, "canary" if found["canary"] else "interrupted")


def an_end(found: Found, _: str, outcome: str, reason: str | None) -> None:
    assert (found["release"], outcome) == (1, "canary" if found["canary"] else "reverted")
    assert found["canary"] or reason == "The canary v2 was aborted: Aborted by tests."


@pytest.mark.parametrize(
    ("scenario", "deployments", "is_true"),
    [
        ("swap_back", 2, a_swap_back),
        ("roll_back_warm", 3, a_warm_rollback),
        ("begin", 2, a_beginning),
        ("abort", 2, an_end),
        ("promote", 3, a_promotion),
        ("restart", 2, a_restart),
    ],
)
async def test_killed_at_any_write_one_release_is_whole_and_the_deployments_say_which(
    tmp_path: Path, scenario: str, deployments: int, is_true: Callable[..., None]
) -> None:
    seen: set[tuple[int, bool]] = set()
    for first in range(1, _MOST, _AT_ONCE):
        async with asyncio.TaskGroup() as group:
            tries = {
                number: group.create_task(killed_at(fresh(tmp_path / str(number)), scenario, number))
                for number in range(first, first + _AT_ONCE)
            }
        for task in tries.values():
            found = task.result()
            if found is not None:
                is_whole(found)
                if len(found["deployments"]) == deployments:  # Otherwise it was killed before it was asked for.
                    trigger, _, outcome, reason = found["deployments"][-1]
                    is_true(found, trigger, outcome, reason)
                seen.add((found["release"], found["canary"]))
        if any(task.result() is None for task in tries.values()):
            break
    else:
        pytest.fail("It never came to its end.")
    assert len(seen) == (1 if scenario == "restart" else 2)  # Killed before and after the decision.
