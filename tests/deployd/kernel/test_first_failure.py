"""The failures of a task group, told as one, with every Python that deployd runs on."""

import ast
import asyncio
from pathlib import Path

import pytest

from deployd.kernel.first_failure import first_failure

_ROOT = Path(__file__).resolve().parents[3]
_PACKAGES = ("deployd", "actors", "web", "sql")


class Lost(Exception):
    pass


async def _fail(error: Exception) -> None:
    raise error


async def _group(*errors: Exception) -> None:
    with first_failure(Lost):
        async with asyncio.TaskGroup() as group:
            for error in errors:
                group.create_task(_fail(error))


async def test_the_error_of_a_task_comes_out_as_itself() -> None:
    with pytest.raises(Lost, match="the port"):
        await _group(Lost("the port"))


async def test_the_error_of_a_group_inside_comes_out_as_itself() -> None:
    with pytest.raises(Lost, match="the port"), first_failure(Lost):
        raise ExceptionGroup("outer", [ExceptionGroup("inner", [Lost("the port")])])


async def test_an_error_of_another_kind_is_hidden_by_none() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await _group(Lost(), KeyError())
    assert {type(error) for error in raised.value.exceptions} == {Lost, KeyError}


async def test_nothing_happens_where_nothing_fails() -> None:
    await _group()


def test_no_module_raises_in_an_except_star() -> None:
    """Python 3.11.2 wraps what is raised there in a group, which nobody then knows: Debian 12 has that one."""
    offenders = [
        f"{file.relative_to(_ROOT)}:{clause.lineno}"
        for package in _PACKAGES
        for file in (_ROOT / package).rglob("*.py")
        for attempt in ast.walk(ast.parse(file.read_text()))
        if isinstance(attempt, ast.TryStar)
        for clause in attempt.handlers
        if any(isinstance(inner, ast.Raise) for inner in ast.walk(clause))
    ]
    assert offenders == []
