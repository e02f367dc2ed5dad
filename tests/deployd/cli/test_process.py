"""The command line as its own process: how fast it starts, how it follows, and what it says when nobody is there."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployd.cli.conftest import run_here
from tests.support.ports import free_port
from tests.web.bench import Bench

_PYTHON = (sys.executable, "-m", "deployd")


def test_a_daemon_that_is_not_there_is_exit_code_3(tmp_path: Path) -> None:
    ran = run_here("apps", "--json", "--data-dir", str(tmp_path))
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith(f"No deployd answers at {tmp_path}/deployd.sock; start it with `deployd serve`")


def test_the_socket_is_found_through_the_configuration_even_when_an_app_in_it_is_wrong(tmp_path: Path) -> None:
    config = tmp_path / "deployd.toml"
    config.write_text('[server]\ndata_dir = "state"\n[apps.shop]\nnonsense = 1\n')
    assert f"No deployd answers at {tmp_path}/state/deployd.sock" in run_here("apps", "--config", str(config)).err
    refused = run_here("check", "--config", str(config))
    assert (refused.code, "nonsense" in refused.err) == (1, True)


def test_a_usable_configuration_is_ok(tmp_path: Path) -> None:
    config = tmp_path / "deployd.toml"
    config.write_text('[apps.shop]\nrepo = "https://example.com/shop.git"\n')
    assert run_here("check", "--config", str(config), "--json").json["apps"] == ["shop"]


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    ran = run_here("apps", "--config", str(tmp_path / "no.toml"))
    assert (ran.code, "no.toml is not a file" in ran.err) == (1, True)


def test_help_tells_the_exit_codes() -> None:
    assert "4 the deployment did not go live" in " ".join(run_here("--help").out.split())


def test_doctor_without_a_configuration_says_so_and_fails(tmp_path: Path) -> None:
    ran = run_here("doctor", "--config", str(tmp_path / "no.toml"))
    assert ran.code == 1
    assert "✗ configuration" in ran.out
    assert "--config" in ran.out


def test_no_verb_imports_what_makes_it_slow() -> None:
    """aiohttp and asyncio stay out of a client that asks one question."""
    code = (
        "import sys, deployd.cli.main; print(*{'aiohttp', 'asyncio', 'rich', 'uvloop', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout.split() == []


def test_a_start_imports_nothing_that_only_some_need() -> None:
    """Each of these costs it 20 to 2,500 ms."""
    code = (
        "import sys, deployd.cli.main, deployd.main; print(*{'aiogram', 'asyncpg', 'asyncssh', 'h2', 'nodesemver',"
        " 'packaging', 'prometheus_client', 'psutil', 'pydantic', 'rich', 'tomlkit'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout.split() == []


async def test_following_shows_new_lines_as_they_come(bench: Bench) -> None:
    await bench.add_app()
    await bench.say("before")
    process = await asyncio.create_subprocess_exec(
        *_PYTHON, "logs", "shop", "-f", "--data-dir", str(bench.socket_path.parent), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(10):
            assert b"before" in await process.stdout.readline()
            await bench.say("after")
            assert b"after" in await process.stdout.readline()
            await bench.say("later")
            assert b"later" in await process.stdout.readline()
    finally:
        process.terminate()
        await process.wait()


def test_a_start_that_fails_says_why_and_nothing_else(tmp_path: Path) -> None:
    config = tmp_path / "deployd.toml"
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        config.write_text(f'[server]\nhttp = "{taken}"\nadmin = "127.0.0.1:{free_port()}"\n')
        ran = subprocess.run(
            [*_PYTHON, "serve", "--config", str(config)], capture_output=True, text=True, timeout=30, check=False
        )
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert ran.stderr.startswith(f"{taken} cannot be listened at: ")
    assert ran.stderr.endswith(" listens there; stop it, or change `server.http`.\n")


def test_a_key_is_explained_with_its_line_and_without_a_file_too(tmp_path: Path) -> None:
    config = tmp_path / "deployd.toml"
    config.write_text('[server]\nhttp = "127.0.0.1:80"\n')
    said = run_here("check", "--explain", "server.http", "--config", str(config))
    assert said.code == 0
    assert "  The public listener: apps are served here by host name.\n" in said.out
    assert f'{config}:2: server.http = "127.0.0.1:80"' in said.out
    assert "[server]" in run_here("check", "--explain").out
    listed = run_here("check", "--explain", "allow", "--json", "--config", str(config)).json
    assert [each["key"] for each in listed] == ["telegram.allow", "apps.*.proxy.allow"]
    wrong = run_here("check", "--explain", "server.htp", "--config", str(config))
    assert (wrong.code, "did you mean `server.http`?" in wrong.err) == (1, True)
    assert run_here("check", "server.http", "--config", str(config)).code == 2


@pytest.mark.parametrize("verb", ["check", "serve"])
def test_a_number_without_end_is_a_mistake_like_others(verb: str, tmp_path: Path) -> None:
    config = tmp_path / "deployd.toml"
    config.write_text(f"[logs]\nkeep_days = {5_000 * '9'}\n")
    ran = run_here(verb, "--config", str(config))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(
        f"{config}:2:13: A number of 5,000 digits is too long to be read.\n    2 | keep_days = 999"
    )
    assert "999…\n" in ran.err


def test_a_mistake_is_shown_by_check_and_by_a_start_in_the_same_words(tmp_path: Path) -> None:
    config = tmp_path / "deployd.toml"
    config.write_text('[server]\nhtpp = "127.0.0.1:80"\n')
    words = f"{config}:2:1: [server] has no key `htpp`: did you mean `http`?\n    2 | htpp = …\n      | ^^^^\n"
    for verb in ("check", "serve"):
        ran = run_here(verb, "--config", str(config))
        assert (ran.code, ran.out, ran.err) == (1, "", words)
