"""help, --version and completion: what a person finds without a manual, and without a network."""

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from deployd.cli.completion import candidates
from deployd.cli.exit_code import MEANINGS, ExitCode
from deployd.cli.main import root
from deployd.cli.topics import SUMMARIES, TOPICS
from deployd.domain.app_state import AppState, DeploymentState
from tests.deployd.cli.conftest import run_here
from tests.web.bench import Bench


def test_the_version_is_printed() -> None:
    assert run_here("--version").out == f"deployd {version('deployd')}\n"


def test_help_lists_the_topics_and_none_is_wide() -> None:
    listed = run_here("help").out
    assert TOPICS.keys() == SUMMARIES.keys()
    for topic in TOPICS:
        assert topic in listed
        assert all(len(line) <= 88 for line in run_here("help", topic).out.splitlines()), topic


def test_topics_are_complete() -> None:
    states, codes = run_here("help", "states").out, run_here("help", "exit-codes").out
    assert all(f"\n  {state.value} " in states for state in (*AppState, *DeploymentState))
    assert all(f"\n  {code.value} " in codes for code in ExitCode)
    assert "2. $DEPLOYD_CONFIG" in run_here("help", "config").out


def test_the_page_of_docs_has_every_code_and_state() -> None:
    page = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
    for code, meaning in MEANINGS.items():
        assert f"| {code.value} | {meaning} |" in page
    assert all(f"`{state.value}`" in page for state in (*AppState, *DeploymentState))


def test_help_of_a_verb_is_the_verbs_own() -> None:
    assert run_here("help", "stop").out.startswith("Usage: deployd stop")


def test_an_unknown_topic_is_answered_with_the_one_that_was_meant_and_the_list() -> None:
    refused = run_here("help", "exitcodes")
    assert refused.code == 1
    assert "Did you mean 'exit-codes'?" in refused.err
    assert "  config " in refused.err


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["depl"], "deploy"),
        (["deploy", "--qu"], "--quiet"),
        (["logs", "x", "--level", ""], "warn"),
        (["maintenance", "x", "o"], "off"),
        (["canary", "x", ""], "promote"),
        (["token", ""], "revoke"),
        (["env", "x", ""], "unset"),
        (["help", ""], "exit-codes"),
        (["completion", ""], "fish"),
    ],
)
def test_words_are_completed(words: list[str], found: str) -> None:
    assert found in candidates(root(), words)


@pytest.mark.parametrize("words", [["deploy", "x", ""], ["apps", "--config", ""], ["nonsense", ""]])
def test_what_is_not_known_is_left_to_the_shell(words: list[str]) -> None:
    assert "deploy" not in candidates(root(), words) or words == ["nonsense", ""]


def test_a_hidden_verb_is_not_offered() -> None:
    assert "complete" not in candidates(root(), [""])


_ASK = {
    "bash": "COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _deployd; "
    "printf '%s\\n' \"${{COMPREPLY[@]}}\"",
    "zsh": "compadd() {{ shift; print -l -- $@ }}; words=({words}); CURRENT=${{#words}}; _deployd",
    "fish": "complete -C {line}",
}
_BEFORE = {"bash": "", "zsh": "compdef() { : }; ", "fish": ""}


def _needs(shell: str) -> None:
    if shutil.which(shell) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{shell} is not installed")
        pytest.skip(f"{shell} is not installed")


def test_a_shell_that_is_missing_fails_where_everything_has_to_be_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-shell is not installed"):
        _needs("no-such-shell")


def test_the_shells_are_among_what_is_installed_for_the_tests(tmp_path: Path) -> None:
    """The script finds nothing in this PATH, apt included, and names what is missing."""
    script = Path(__file__).parents[3] / "packaging" / "system-packages.sh"
    ran = subprocess.run(
        ["/bin/bash", script, "test"], env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=20,
        check=False,
    )  # fmt: skip
    named = ran.stderr.partition("Debian packages: ")[2].partition(".")[0].split()
    assert ran.returncode == 1
    assert set(_ASK) - {"bash"} <= set(named)


@pytest.mark.parametrize("shell", list(_ASK))
async def test_the_script_of_each_shell_completes_verbs_and_the_names_of_apps(
    shell: str, bench: Bench, tmp_path: Path
) -> None:
    _needs(shell)
    await bench.add_app("shop")
    await bench.add_app("blog")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "deployd").write_text(f'#!/bin/sh\nexec {sys.executable} -m deployd "$@"\n')
    (programs / "deployd").chmod(0o755)
    (tmp_path / "deployd.toml").write_text(f"[server]\ndata_dir = {str(bench.socket_path.parent)!r}\n")
    script = run_here("completion", shell).out
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "DEPLOYD_CONFIG": str(tmp_path / "deployd.toml"),
    }

    async def ask(*typed: str) -> list[str]:
        line = " ".join(["deployd", *typed])
        words = " ".join(map(shlex.quote, ["deployd", *typed]))
        code = _BEFORE[shell] + script + _ASK[shell].format(words=words, line=shlex.quote(line))
        ran = await asyncio.to_thread(
            subprocess.run, [shell, "-c", code], capture_output=True, text=True, timeout=30, check=True,
            env=environment,
        )  # fmt: skip
        return ran.stdout.split()

    assert await ask("depl") == ["deploy"]
    assert await ask("deploy", "") == ["blog", "shop"]
    assert await ask("deploy", "sh") == ["shop"]
