"""The shipped deployd.toml is the reference: it names every field there is, with its default."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from deployd.config import AppConfig, Config
from deployd.config_file import load
from deployd.domain.app import HealthCheck, Limits
from deployd.domain.build import BuildSettings
from deployd.domain.edge import EdgeSettings
from deployd.domain.secret import Secret

FILE = Path(__file__).parents[2] / "deployd.toml"
EXAMPLE_MARK = "#: "
WITHOUT_DEFAULT = {"repo", "branch"}


def with_example() -> dict[str, Any]:
    return tomllib.loads("\n".join(line.removeprefix(EXAMPLE_MARK) for line in FILE.read_text().splitlines()))


def defaults(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Every field with its default, as it stands in TOML."""
    values = {field: getattr(kind(), field) for field in kind.__struct_fields__}
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.Encoder(enc_hook=_text_of).encode(values))
    return plain


def _text_of(value: object) -> str:
    assert isinstance(value, Secret)
    return value.reveal()


def test_every_field_of_every_table_is_there_with_its_default() -> None:
    tables = with_example()
    del tables["apps"]
    assert tables == {key: value for key, value in defaults(Config).items() if key != "apps"}


def test_every_field_of_an_app_is_in_the_example_with_its_default() -> None:
    example, default = with_example()["apps"]["shop"], defaults(AppConfig)
    assert default.pop("login") is None  # Stands in `repo`, and is taken off when it is read.
    assert example.keys() == default.keys()
    changed = {key for key in example if example[key] != default[key]}
    assert changed == {*WITHOUT_DEFAULT, "health", "build"}
    assert example["health"] == defaults(HealthCheck)
    assert example["limits"] == defaults(Limits)
    assert example["proxy"] == defaults(EdgeSettings)
    build = defaults(BuildSettings)
    assert example["build"].keys() == build.keys()
    assert {key for key in build if example["build"][key] != build[key]} == {key for key in build if build[key] is None}


def test_the_shipped_file_is_valid_and_means_the_defaults() -> None:
    shipped = load(FILE)
    server = msgspec.structs.replace(shipped.server, data_dir="data")
    assert msgspec.structs.replace(shipped, server=server) == Config()


def test_the_example_is_valid(tmp_path: Path) -> None:
    text = FILE.read_text().replace(EXAMPLE_MARK, "")
    (tmp_path / "deployd.toml").write_text(text)
    assert load(tmp_path / "deployd.toml").apps["shop"].branch == "main"
