"""Who wins when several say something: deployd.toml, `.deployd.toml`, app.json, the Procfile, in this order."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from deployd.builders.overrides import declare, required_variables
from deployd.builders.project import Declared, Project
from deployd.domain.build import BuildSettings, BuildWishes
from deployd.domain.errors import BuildFailed
from tests.deployd.builders.projects import Files, project_of


def declared(files: Files, commands: dict[str, str] | None = None, **settings: Any) -> tuple[Project, Declared]:
    return declare(project_of(files), BuildWishes(settings=BuildSettings(**settings), commands=commands or {}))


@dataclass(frozen=True, kw_only=True)
class Said:
    """Who says what, and what comes of it."""

    files: Files = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    processes: dict[str, str] = field(default_factory=dict)
    expected: dict[str, Any] = field(default_factory=dict)
    reason: str = ""


REPO = ".deployd.toml"
CASES = {
    "nothing": Said(),
    "a Procfile": Said(files={"Procfile": "web: a\n"}, processes={"web": "a"}, reason="Procfile says what `web` runs"),
    "the repository's processes before the Procfile": Said(
        files={"Procfile": "web: a\nworker: w\n", REPO: '[processes]\nweb = "b"'},
        processes={"web": "b", "worker": "w"},
        reason="Procfile has another command for `web`, which is not used",
    ),
    "the owner's commands before the repository's": Said(
        files={"Procfile": "web: a", REPO: '[processes]\nweb = "b"'},
        commands={"web": "c"},
        processes={"web": "c"},
        reason="deployd.toml says what `web` runs",
    ),
    "start is the command of web": Said(
        files={"Procfile": "web: a"}, settings={"start": "s"}, processes={"web": "s"}, expected={"start": "s"}
    ),
    "commands are more exact than start": Said(
        settings={"start": "s"}, commands={"web": "c"}, processes={"web": "c"}, expected={"start": "c"}
    ),
    "a weaker start does not come in by another door": Said(
        files={REPO: '[build]\nstart = "r"'}, commands={"web": "c"}, processes={"web": "c"}, expected={"start": "c"}
    ),
    "settings of the repository": Said(
        files={REPO: '[build]\nbuild = "make"\nspa = true'},
        expected={"build": "make", "spa": True},
        reason=".deployd.toml says `build.build`, `build.spa`",
    ),
    "settings of the owner win one by one": Said(
        files={REPO: '[build]\nbuild = "make"\ninstall = "get"'},
        settings={"build": "ninja"},
        expected={"build": "ninja", "install": "get"},
    ),
    "an empty command is a word too": Said(
        files={REPO: '[build]\nbuild = "make"'}, settings={"build": ""}, expected={"build": ""}
    ),
    "false is a word too": Said(files={REPO: "[build]\nspa = true"}, settings={"spa": False}, expected={"spa": False}),
    "tools are put together": Said(
        files={REPO: '[build.tools]\nnode = "20"\npnpm = "9"'},
        settings={"tools": {"node": "22"}},
        expected={"tools": {"node": "22", "pnpm": "9"}},
    ),
    "a folder before a weaker command": Said(
        files={"Procfile": "web: a\nworker: w"},
        settings={"output": "dist"},
        processes={"worker": "w"},
        expected={"output": "dist"},
        reason="Procfile says what `web` runs, but a folder is served",
    ),
    "a command before a weaker folder": Said(
        files={REPO: '[build]\noutput = "dist"'},
        settings={"start": "s"},
        processes={"web": "s"},
        expected={"output": None, "start": "s"},
        reason=".deployd.toml says `build.output`, but a command serves",
    ),
    "a weaker start before a folder": Said(
        files={REPO: '[build]\nstart = "s"'}, settings={"output": "dist"}, expected={"start": None, "output": "dist"}
    ),
    "marks and line ends of Windows": Said(
        files={"Procfile": "\ufeffweb: a b\r\n\r\nworker: w\r\n", REPO: '\ufeff[build]\r\nbuild = "make"\r\n'},
        processes={"web": "a b", "worker": "w"},
        expected={"build": "make"},
    ),
    "formation is told and not followed": Said(
        files={"app.json": '{"formation": {"web": {"quantity": 2}}}'}, reason="`formation` of app.json is not followed"
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_first_who_says_something_wins(case: str) -> None:
    said = CASES[case]
    _, found = declared(said.files, said.commands, **said.settings)
    assert dict(found.processes) == said.processes
    assert {name: getattr(found.settings, name) for name in said.expected} == said.expected
    assert any(said.reason in reason for reason in found.reasons) or not said.reason


REFUSED: dict[str, tuple[Files, dict[str, Any], str]] = {
    "unknown table": ({REPO: "[bild]"}, {}, ".deployd.toml: there is no key `bild`: did you mean `build`?"),
    "unknown key": ({REPO: '[build]\nbiuld = "x"'}, {}, ".deployd.toml: there is no key `build.biuld`: did you mean"),
    "wrong kind": ({REPO: "[build]\nspa = 1"}, {}, "Expected `bool | null`, got `int` - at `build.spa`"),
    "wrong kind of command": ({REPO: "[processes]\nweb = 1"}, {}, "Expected `str`, got `int` - at `processes"),
    "not TOML": ({REPO: "build ="}, {}, ".deployd.toml is not valid TOML"),
    "an empty command of a process": ({REPO: '[processes]\nweb = " "'}, {}, "`processes.web` must be"),
    "a folder outside": ({REPO: '[build]\nroot = "../x"'}, {}, ".deployd.toml: `build.root` '../x' is not a folder"),
    "folder and command at once": ({}, {"start": "a", "output": "b"}, "deployd.toml says both `build.output`"),
    "folder and process at once": (
        {REPO: '[build]\noutput = "b"\n[processes]\nweb = "a"'}, {}, ".deployd.toml says both `build.output`",
    ),
    "no such root": (
        {"api/main.py": "", "web/index.html": "", "README": ""}, {"root": "app"},
        "`build.root` is 'app', and the repository has no such folder; folders here: api, web.",
    ),
    "root in a root": (
        {"a/.deployd.toml": '[build]\nroot = "b"'}, {"root": "a"}, "a/.deployd.toml: `build.root` can only",
    ),
    "broken app.json": ({"app.json": "{"}, {}, "app.json cannot be read"),
    "broken Procfile": ({"Procfile": "web"}, {}, "Line 1 of Procfile"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_refused_with_file_and_key(case: str) -> None:
    files, settings, sentence = REFUSED[case]
    with pytest.raises(BuildFailed) as refusal:
        declared(files, **settings)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize("root", ["apps/api", "./apps/api", "apps/api/", "apps//api"])
def test_a_root_is_looked_at_as_if_it_were_the_repository(root: str) -> None:
    files = {"apps/api/Procfile": "web: inside", "Procfile": "web: top", "apps/api/main.py": "x"}
    view, found = declared(files, root=root)
    assert (view.root, sorted(view.files), view.text("main.py")) == ("apps/api", ["Procfile", "main.py"], "x")
    assert (found.settings.root, found.processes) == ("apps/api", {"web": "inside"})


def test_a_procfile_at_the_top_is_told_when_another_folder_is_built() -> None:
    _, found = declared({"api/main.py": "", "Procfile": "web: top"}, root="api")
    assert found.processes == {}
    assert "The Procfile at the top is not read: api/ is what is built." in found.reasons


def test_the_repository_itself_may_name_the_root_and_the_file_there_speaks_first() -> None:
    files = {
        ".deployd.toml": '[build]\nroot = "api"\nbuild = "top"\ninstall = "top"',
        "api/.deployd.toml": '[build]\nbuild = "near"',
    }
    view, found = declared(files)
    assert (view.root, found.settings.build, found.settings.install) == ("api", "near", "top")


def test_the_names_that_must_be_set_are_known_without_planning() -> None:
    project = project_of({"api/app.json": '{"env": {"A": {}, "B": "x", "C": {}}}'})
    wishes = BuildWishes(settings=BuildSettings(root="api"), env_names=frozenset({"C"}))
    assert required_variables(project, wishes) == ("A",)
