"""Where the configuration is looked for, by every verb in the same order."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployd.cli import place
from deployd.cli.place import config_path
from deployd.domain.errors import UserMistake
from tests.deployd.cli.conftest import run_here


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """All four are there; a test takes away what it does not want."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    files = {"flag": "flag.toml", "variable": "variable.toml", "here": "here/deployd.toml", "host": "host.toml"}
    found = {name: tmp_path / file for name, file in files.items()}
    for name, path in found.items():
        path.write_text(f'[server]\ndata_dir = "of-{name}"\n')
    monkeypatch.setenv(place.VARIABLE, str(found["variable"]))
    monkeypatch.setattr(place, "OF_THE_HOST", found["host"])
    return found


def test_the_flag_comes_first_then_the_variable_the_folder_and_the_host(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert config_path(places["flag"]) == places["flag"]
    assert config_path(None) == places["variable"]
    monkeypatch.delenv(place.VARIABLE)
    assert config_path(None).resolve() == places["here"]
    places["here"].unlink()
    assert config_path(None) == places["host"]
    places["host"].unlink()
    with pytest.raises(UserMistake) as refused:
        config_path(None)
    for named in ("--config FILE", "$DEPLOYD_CONFIG", "./deployd.toml", "/etc/deployd/deployd.toml"):
        assert named in str(refused.value)


def test_a_variable_that_names_nothing_is_not_passed_over(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(place.VARIABLE, "/nowhere/deployd.toml")
    with pytest.raises(UserMistake, match=r"/nowhere/deployd\.toml is not a file, but \$DEPLOYD_CONFIG names it"):
        config_path(None)


@pytest.mark.parametrize(
    "verb", [("apps",), ("status",), ("deploy", "x"), ("env", "x"), ("token", "list"), ("reload",)]
)
def test_every_verb_looks_there(places: dict[str, Path], verb: tuple[str, ...]) -> None:
    ran = run_here(*verb)
    assert (ran.code, str(places["variable"].parent / "of-variable") in ran.err) == (3, True)


def test_check_and_doctor_look_there_too(places: dict[str, Path]) -> None:
    assert run_here("check").out == f"{places['variable']} is ok.\n"
    assert f"configuration  {places['variable']}" in run_here("doctor").out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read a file of root")
@pytest.mark.parametrize("closed", ["file", "folder"])
def test_who_may_not_read_the_configuration_is_told_the_way_out(
    closed: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = Path("/tmp") / tmp_path_factory.mktemp("etc").name
    folder.mkdir()
    try:
        config = folder / "deployd.toml"
        config.write_text("")
        (config if closed == "file" else folder).chmod(0o600 if closed == "file" else 0o700)
        code = (
            "import os, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "from pathlib import Path\nfrom deployd.cli import place\n"
            f"place.OF_THE_HOST = Path({str(config)!r})\n"
            "from deployd.cli.main import cli\ncli(['apps'])"
        )
        everything = "from deployd.cli.main import cli; import typer.core, typer.rich_utils\n"
        ran = subprocess.run(
            [sys.executable, "-c", everything + code], capture_output=True, text=True, timeout=30, check=False,
            cwd=folder if closed == "file" else "/", env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )  # fmt: skip
    finally:
        (folder / "deployd.toml").unlink()
        folder.rmdir()
    assert ran.returncode == 1
    assert "may not be read by this user: run this with sudo" in ran.stderr
    assert "Traceback" not in ran.stderr
