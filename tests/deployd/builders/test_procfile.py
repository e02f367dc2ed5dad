"""Procfiles: what is read, what is refused, and plans that are nothing but commands."""

import pytest

from deployd.builders.procfile import parse_procfile
from deployd.domain.errors import BuildFailed
from tests.deployd.builders.projects import planned

READ: dict[str, tuple[str, dict[str, str]]] = {
    "nothing": ("", {}),
    "one": ("web: ./serve", {"web": "./serve"}),
    "comments and empty lines": ("# what runs\n\nweb : a: b # c\n", {"web": "a: b # c"}),
    "line ends of Windows": ("web: a\r\nworker: b\r\n", {"web": "a", "worker": "b"}),
    "a mark at the start": ("\ufeffweb: a\n", {"web": "a"}),
    "names": ("a-b_2: x\n", {"a-b_2": "x"}),
    "odd characters in a command": ("web: echo '\u2028\x0c'\n", {"web": "echo '\u2028\x0c'"}),
}


@pytest.mark.parametrize("case", READ)
def test_each_line_names_a_process(case: str) -> None:
    text, processes = READ[case]
    assert parse_procfile(text) == processes


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("web: x\nworker:", "Line 2 of Procfile is not of the form `name: command`: 'worker:'"),
        ("web", "Line 1 of Procfile"),
        ("2web: x", "Line 1 of Procfile"),
        ("we b: x", "Line 1 of Procfile"),
        ("web: x\n\nweb: y", "Line 3 of Procfile names the process 'web' a second time"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused_with_its_number(text: str, sentence: str) -> None:
    with pytest.raises(BuildFailed, match=sentence):
        parse_procfile(text)


def test_the_apps_own_commands_win_over_the_procfile() -> None:
    files = {"Procfile": "web: ./serve\nworker: ./work\nrelease: ./migrate"}
    plan = planned(files, {"web": "./other", "clock": "./tick"})
    assert plan.processes == {"web": "./other", "worker": "./work", "release": "./migrate", "clock": "./tick"}


def test_commands_alone_may_have_steps_and_a_worker_needs_no_web() -> None:
    plan = planned({"Procfile": "worker: ./work"}, install="get it", build="make")
    assert plan.processes == {"worker": "./work"}
    assert (plan.dependencies.steps if plan.dependencies else (), plan.steps) == (("get it",), ("make",))
