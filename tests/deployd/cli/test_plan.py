"""The plan verb: no daemon, a folder or a repository, and exit codes that tell."""

import json
import tempfile
from pathlib import Path

import msgspec
import pytest

from deployd.domain.build import BuildPlan
from tests.deployd.cli.conftest import run_here
from tests.support.repos import git, repo_with, write

GO = {"go.mod": "module example.com/shop\n", "main.go": "package main\n", "Dockerfile": ""}
APP_JSON = {"index.html": "", "app.json": json.dumps({"env": {"API_KEY": {"description": "A key."}, "MODE": "fast"}})}


def folder_with(files: dict[str, str], folder: Path) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def config(folder: Path, text: str) -> str:
    path = folder / "deployd.toml"
    path.write_text(text)
    return str(path)


def test_a_folder_is_planned_with_its_reasons(tmp_path: Path) -> None:
    ran = run_here("plan", str(folder_with(GO, tmp_path)))
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "Plan (go): Go: `go build` makes the program in .; it must listen on $PORT."
    assert any(line.startswith("  Dockerfile is here too and not used") for line in lines)
    assert "Build: go build -o .deployd/app ." in lines
    assert "Process web: ./.deployd/app" in lines


def test_json_is_the_plan_itself(tmp_path: Path) -> None:
    ran = run_here("plan", str(folder_with(GO, tmp_path)), "--json")
    plan = msgspec.json.decode(ran.out, type=BuildPlan)
    assert (plan.builder, plan.processes) == ("go", {"web": "./.deployd/app"})


def test_a_repository_is_fetched_at_a_ref_and_nothing_of_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"  # /tmp is everybody's: another test may be planning just then.
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    repo = repo_with({"index.html": ""}, tmp_path / "repo")
    git(repo, "tag", "static")
    write(repo, GO, "Now it is Go")
    for argv, builder in (
        ([repo.as_uri()], "go"),
        ([repo.as_uri(), "--ref", "static"], "static"),
        ([str(repo), "--ref", "static"], "static"),
    ):
        ran = run_here("plan", *argv, "--json")
        assert (ran.code, ran.json["builder"]) == (0, builder)
    assert list(temporary.iterdir()) == []


def test_a_root_can_be_named(tmp_path: Path) -> None:
    folder_with({f"api/{name}": text for name, text in GO.items()}, tmp_path)
    assert run_here("plan", str(tmp_path), "--root", "api", "--json").json["root"] == "api"
    refused = run_here("plan", str(tmp_path), "--root", "web")
    assert (refused.code, "no such folder; folders here: api" in refused.err) == (1, True)


def test_bun_can_be_asked_for(tmp_path: Path) -> None:
    package = {"package.json": '{"scripts": {"start": "node a.js"}, "dependencies": {"express": "5"}}', "a.js": ""}
    plan = run_here("plan", str(folder_with(package, tmp_path)), "--convert-bun", "--json").json
    assert "bun install" in plan["dependencies"]["steps"][0]


def test_what_must_be_set_is_told_without_an_app(tmp_path: Path) -> None:
    ran = run_here("plan", str(folder_with(APP_JSON, tmp_path)))
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "To set before a build: deployd env APP set API_KEY=…")


def test_an_app_of_the_configuration_brings_its_settings_commands_and_env(tmp_path: Path) -> None:
    site = folder_with(APP_JSON, tmp_path / "site")
    path = config(
        tmp_path,
        '[apps.bare]\nrepo = "https://example.com/a.git"\n'
        '[apps.full]\nrepo = "https://example.com/b.git"\ncommands = { web = "./serve" }\nenv = { API_KEY = "x" }\n'
        '[apps.full.build]\nbuild = "make"\n',
    )
    refused = run_here("plan", str(site), "--config", path, "--app", "bare")
    assert (refused.code, refused.err) == (
        1,
        "app.json requires variables that are not set: API_KEY (A key). Set them: deployd env APP set API_KEY=…\n",
    )
    plan = run_here("plan", str(site), "--config", path, "--app", "full", "--json").json
    assert (plan["processes"], plan["steps"], plan["env"]) == ({"web": "./serve"}, ["make"], {"MODE": "fast"})


def test_the_repository_of_an_app_need_not_be_named(tmp_path: Path) -> None:
    repo = repo_with(GO, tmp_path / "repo")
    git(repo, "branch", "-m", "trunk")
    path = config(tmp_path, f'[apps.shop]\nrepo = "{repo.as_uri()}"\nbranch = "trunk"\n')
    assert run_here("plan", "--config", path, "--app", "shop", "--json").json["builder"] == "go"


@pytest.mark.parametrize(
    ("argv", "code", "sentence"),
    [
        ((), 1, "Name a folder or a git URL"),
        (("nowhere",), 1, "nowhere is not a folder here"),
        (("ftp://example.com/x",), 1, "git URLs of that kind are not supported"),
        (("file:///nowhere/at/all",), 1, "There is no git repository at file:///nowhere/at/all"),
        ((".", "--root", "../x"), 1, "`build.root` '../x' is not a folder inside the repository"),
        ((".", "--nonsense"), 2, "--nonsense"),
        ((".", "--app", "x", "--config", "no.toml"), 1, "no.toml is not a file"),
    ],
)
def test_a_refusal_is_one_sentence_and_an_exit_code(argv: tuple[str, ...], code: int, sentence: str) -> None:
    ran = run_here("plan", *argv)
    assert (ran.code, ran.out) == (code, "")
    assert sentence in ran.err


def test_an_unknown_app_is_refused_with_those_there_are(tmp_path: Path) -> None:
    path = config(tmp_path, '[apps.shop]\nrepo = "https://example.com/a.git"\n')
    ran = run_here("plan", ".", "--config", path, "--app", "ghost")
    assert (ran.code, "has no app 'ghost'; it has: shop." in ran.err) == (1, True)


def test_what_cannot_be_built_is_exit_code_1_and_one_line(tmp_path: Path) -> None:
    ran = run_here("plan", str(folder_with({"Dockerfile": ""}, tmp_path)), "--json")
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "needs the docker runtime" in ran.err
