"""How this program is started again."""

import sys

import pytest

from deployd.program import FILE, own_command


def test_a_package_is_started_with_the_python_that_it_runs_on() -> None:
    assert (sys.executable, "-m", "deployd") == own_command({FILE: "/somebody/elses"})


def test_the_single_file_is_started_as_that_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert own_command({FILE: "/usr/local/bin/deployd"}) == ("/usr/local/bin/deployd",)
