"""What the shell is asked to run."""

from pathlib import Path

import pytest

from deployd.runtimes.command import environment, search_path, shell_command
from tests.deployd.runtimes.apps import launch


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("node server.js", "exec node server.js"),
        ("uvicorn main:app --port $PORT", "exec uvicorn main:app --port $PORT"),
        ("gunicorn 'app:create()'", "exec gunicorn 'app:create()'"),
        ("serve ${PORT:-3000} # comment", "exec serve ${PORT:-3000} # comment"),
        ("NODE_ENV=production node x.js", "exec env NODE_ENV=production node x.js"),
    ],
)
def test_a_simple_command_takes_the_shells_place(command: str, expected: str) -> None:
    assert expected == shell_command(command)


@pytest.mark.parametrize(
    "command",
    [
        *("a && b", "a&&b", "a | b", "a; b", "a\nb", "a &", "(a)", "{ a; }", "! a", "cd x", "exec a"),
        *("if a; then b; fi", "echo 'never closed", "", "   "),
    ],
)
def test_what_needs_a_shell_is_left_to_it(command: str) -> None:
    assert command == shell_command(command)


def test_the_apps_own_programs_are_found_first() -> None:
    places = search_path(Path("/srv/app")).split(":")
    assert places[:5] == ["/srv/app/node_modules/.bin", "/srv/app/.venv/bin", "/usr/local/bin", "/usr/bin", "/bin"]


def test_an_app_may_set_its_path_but_not_its_port_or_mark() -> None:
    env = {"PATH": "/opt/bin", "PORT": "1", "DEPLOYD_INSTANCE": "ins-other"}
    order = launch(Path("/srv/app"), "true", port=4000, env=env)
    found = environment(order)
    assert ("/opt/bin", "4000", order.instance.id) == (found["PATH"], found["PORT"], found["DEPLOYD_INSTANCE"])
