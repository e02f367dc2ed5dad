"""Finds the daemon from what the user typed: its configuration file, data folder, socket and listeners."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from deployd.config import ServerConfig
from deployd.config_file import load, tables_of, text_of
from deployd.domain.errors import UserMistake
from deployd.paths import Paths

DEFAULT_CONFIG = Path("deployd.toml")


@dataclass(frozen=True)
class Place:
    """`listeners` are (name, host, port); unknown, so empty, when only the data folder was named."""

    described: str
    data_dir: Path
    listeners: tuple[tuple[str, str, int], ...] = ()

    @property
    def socket(self) -> Path:
        return Paths(self.data_dir).socket


def config_path(config: Path | None) -> Path:
    """UserMistake when there is no such file."""
    path = config if config is not None else DEFAULT_CONFIG
    if not path.is_file():
        where = f"{path} is not a file" if config is not None else f"There is no {DEFAULT_CONFIG} in this folder"
        raise UserMistake(f"{where}; name the daemon's configuration with --config FILE.")
    return path


def place_of(config: Path | None, data_dir: Path | None) -> Place:
    """UserMistake when neither is given and there is no deployd.toml here."""
    if data_dir is not None:
        return Place(described=f"data folder {data_dir}", data_dir=data_dir.absolute())
    path = config_path(config)
    server = _server(path)
    listeners = [("proxy port", server.http_address), ("admin port", server.admin_address)]
    return Place(
        described=str(path),
        data_dir=path.resolve().parent / server.data_dir,
        listeners=tuple((name, address.host, address.port) for name, address in listeners),
    )


def _server(path: Path) -> ServerConfig:
    """Only this table: a mistake elsewhere, or a secret that is not ours to read, must not cut us off the daemon."""
    text = text_of(path)
    table = tables_of(text, path).get("server", {})
    try:
        return msgspec.convert(table, ServerConfig)
    except msgspec.ValidationError:
        load(path)  # Says what is wrong in it, and where.
        raise
