"""Who says which node is wanted, as a table."""

import pytest

from deployd.builders.node.manifest import read_manifest
from deployd.builders.node.versions import strips_types, wanted_node
from tests.deployd.builders.projects import Files, package, planned, project_of

RUNS = {"scripts": {"start": "node a.js"}}
ENGINES = package(engines={"node": ">=18 <23"}, **RUNS)

WANTED: dict[str, tuple[Files, str, str]] = {
    "nothing": ({"package.json": package(**RUNS)}, "", ""),
    "engines": ({"package.json": ENGINES}, ">=18 <23", "`engines` in package.json"),
    "nvmrc before engines": ({"package.json": ENGINES, ".nvmrc": "v20.11.0\r\n"}, "20.11.0", ".nvmrc"),
    "a named line of nvmrc": ({"package.json": "{}", ".nvmrc": "lts/Iron"}, "20", ".nvmrc"),
    "any long-term line": ({"package.json": "{}", ".nvmrc": "lts/*"}, "lts/*", ".nvmrc"),
    "the newest of nvmrc": ({"package.json": "{}", ".nvmrc": "node"}, "", ".nvmrc"),
    "comments in nvmrc": ({"package.json": "{}", ".nvmrc": "# why\n\n22 # that\n"}, "22", ".nvmrc"),
    "an empty nvmrc": ({"package.json": ENGINES, ".nvmrc": "\n"}, ">=18 <23", "`engines` in package.json"),
    "node-version": ({"package.json": "{}", ".node-version": "22.1.0"}, "22.1.0", ".node-version"),
    "asdf": ({"package.json": "{}", ".tool-versions": "ruby 3.3\nnodejs 20.9.0 18.0.0\n"}, "20.9.0", ".tool-versions"),
    "mise": ({"package.json": "{}", "mise.toml": '[tools]\nnode = "22"'}, "22", "mise.toml"),
    "mise with a table": (
        {"package.json": "{}", "mise.toml": '[tools]\nnode = {version = "22.2"}'},
        "22.2",
        "mise.toml",
    ),
    "mise with a list": ({"package.json": "{}", ".mise.toml": "[tools]\nnode = [24, 22]"}, "24", ".mise.toml"),
    "a broken mise": ({"package.json": "{}", "mise.toml": "="}, "", ""),
    "volta before engines": (
        {"package.json": package(volta={"node": "20.1.0"}, engines={"node": "*"})},
        "20.1.0",
        "`volta` in package.json",
    ),
    "devEngines": (
        {"package.json": package(devEngines={"runtime": [{"name": "node", "version": "^22"}]})},
        "^22",
        "`devEngines` in package.json",
    ),
    "devEngines of another": (
        {"package.json": package(devEngines={"runtime": {"name": "bun", "version": "1"}})},
        "",
        "",
    ),
    "engines of a wrong type": ({"package.json": package(engines=["node >= 18"])}, "", ""),
}


@pytest.mark.parametrize("case", WANTED)
def test_the_version_of_node_is_found_and_its_source_told(case: str) -> None:
    files, version, source = WANTED[case]
    project = project_of(files)
    found = wanted_node(project, read_manifest(project), project, {})
    assert (version, source) == (found.version, found.source)


def test_the_setting_wins_and_the_reason_names_what_it_overrules() -> None:
    plan = planned({"package.json": ENGINES, ".nvmrc": "18"}, tools={"node": "24"})
    assert [(tool.name, tool.wanted) for tool in plan.tools] == [("node", "24")]
    reason = "The setting build.tools asks for node 24 (before .nvmrc, `engines` in package.json)."
    assert reason in plan.reasons


def test_the_packages_own_word_goes_before_the_repositorys() -> None:
    files = {"package.json": package(workspaces=["a"]), "a/package.json": ENGINES, ".nvmrc": "16"}
    assert planned(files).tools[0].wanted == ">=18 <23"
    del files["a/package.json"]
    files["a/package.json"] = package(**RUNS)
    assert planned(files).tools[0].wanted == "16"


@pytest.mark.parametrize(
    ("wanted", "narrowed"),
    [
        ("", ">=22.18.0"),
        ("lts/*", ">=22.18.0"),
        (">=18", ">=22.18.0"),
        (">= 20.9.0", ">=22.18.0"),
        ("22", ">=22.18.0 <23"),
        ("22.x", ">=22.18.0 <23"),
        ("^22.3.0", ">=22.18.0 <23"),
        (">=18 <23", None),
        ("23", ">=23.6.0 <24"),
        ("24", "24"),
        ("^24.1.0", "^24.1.0"),
        (">=24", ">=24"),
        ("18 || 20 || 24", "18 || 20 || 24"),
        ("22.17.0", None),
        ("22.18.0", "22.18.0"),
        ("23.5.0", None),
        ("20", None),
        ("^20.1.0", None),
        ("18.x", None),
    ],
)
def test_a_wish_is_narrowed_to_what_runs_typescript(wanted: str, narrowed: str | None) -> None:
    assert narrowed == strips_types(wanted)
