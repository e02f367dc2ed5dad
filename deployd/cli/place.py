"""Finds the daemon from what the user typed: its configuration file, data folder, socket and listeners."""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from deployd.config import ServerConfig
from deployd.config_file import environment, load, tables_of, text_of
from deployd.domain.errors import UserMistake
from deployd.paths import Paths

VARIABLE = "DEPLOYD_CONFIG"
HERE = Path("deployd.toml")
OF_THE_HOST = Path("/etc/deployd/deployd.toml")
LOOKUP = f"--config FILE, then ${VARIABLE}, then ./{HERE}, then {OF_THE_HOST}"
"""The order in which every verb looks for the configuration."""


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
    """UserMistake when there is none, or it is not ours to read."""
    if config is not None:
        return _named(config, "--config")
    if named := environment().get(VARIABLE):
        return _named(Path(named), f"${VARIABLE}")
    for path in (HERE, OF_THE_HOST):
        if _is_file(path):
            return path
    raise UserMistake(f"There is no configuration: looked for {LOOKUP}. Name one with --config FILE.")


def place_of(config: Path | None, data_dir: Path | None) -> Place:
    """UserMistake when there is no configuration and no data folder is named."""
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


def _named(path: Path, by: str) -> Path:
    if not _is_file(path):
        raise UserMistake(f"{path} is not a file, but {by} names it: name the daemon's configuration there.")
    return path


def _is_file(path: Path) -> bool:
    """UserMistake when it is there but may not be read."""
    try:
        if not path.is_file():
            return False
    except PermissionError:
        raise _not_ours(path) from None
    if not os.access(path, os.R_OK):
        raise _not_ours(path)
    return True


def _not_ours(path: Path) -> UserMistake:
    return UserMistake(
        f"{path} may not be read by this user: run this with sudo, or as the user who runs deployd. "
        "A daemon of your own is found with --config FILE or --data-dir FOLDER."
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
