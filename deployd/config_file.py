"""Reads, checks and refuses deployd.toml. Only this file reads the environment."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from deployd.config import AppConfig, CertificateFiles, Config, TlsConfig
from deployd.domain.app import check_settings, checked_name, is_host_name
from deployd.domain.edge import check_network
from deployd.domain.env import EnvValue, check_env, looks_secret
from deployd.domain.errors import UserMistake
from deployd.domain.place import Place
from deployd.domain.secret import Secret

Kind = TypeVar("Kind")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class _Referred(Secret):
    """A value that stood outside the file: secret whatever its name."""

    __slots__ = ()


def load(path: Path) -> Config:
    """UserMistake names the file, the key and what was expected; nothing is half-applied. Reads files: it blocks."""
    try:
        return _parse(_read(path), path.resolve().parent)
    except UserMistake as mistake:
        raise UserMistake(f"{path}: {mistake}") from mistake


def environment() -> Mapping[str, str]:
    """The environment that deployd itself was started with."""
    return os.environ


def resolve_env(app: AppConfig) -> dict[str, EnvValue]:
    """What the file sets for the app: secret when it came from outside the file or its name says so."""
    return {
        key: EnvValue(value=value, secret=isinstance(value, _Referred) or looks_secret(key))
        for key, value in app.env.items()
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserMistake(f"The config file cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserMistake("The config file is not UTF-8 text.") from error
    except tomllib.TOMLDecodeError as error:
        raise UserMistake(f"Not valid TOML: {error}.") from error


def _parse(tables: dict[str, Any], folder: Path) -> Config:
    apps = tables.pop("apps", {})
    if not isinstance(apps, dict):
        raise UserMistake("`apps` must hold tables such as [apps.shop].")
    config = _convert(tables, Config, "$", folder)
    _check_server(config)
    _check_tls(config)
    server = msgspec.structs.replace(config.server, data_dir=str(folder / config.server.data_dir))
    config = msgspec.structs.replace(
        config,
        server=server,
        tls=_tls_from(config.tls, folder),
        apps={name: _app(name, table, folder) for name, table in apps.items()},
    )
    _check_hosts(config)
    return config


def _app(name: str, table: Any, folder: Path) -> AppConfig:
    checked_name(name)
    if not isinstance(table, dict):
        raise UserMistake(f"`apps.{name}` must be a table: write [apps.{name}].")
    env = table.pop("env", {})
    if not isinstance(env, dict):
        raise UserMistake(f"`apps.{name}.env` must be a table of names and values.")
    # One by one, since msgspec's paths say [...] where a name that the user chose would stand.
    values = {key: _convert(value, Secret, f"$.apps.{name}.env.{key}", folder) for key, value in env.items()}
    app = msgspec.structs.replace(_convert(table, AppConfig, f"$.apps.{name}", folder), env=values)
    check_settings(name, app.settings())
    try:
        check_env(values)
    except UserMistake as mistake:
        raise UserMistake(f"`apps.{name}.env`: {mistake}") from mistake
    return app


def _convert(value: Any, kind: type[Kind], at: str, folder: Path) -> Kind:
    def hook(expected: type, given: object) -> object:
        if expected is Secret:
            return _resolve(given, folder)
        raise NotImplementedError(expected)

    try:
        return msgspec.convert(value, kind, dec_hook=hook)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise UserMistake(f"{what} - at `{at}{where.rstrip('`')}`") from error


def _resolve(given: object, folder: Path) -> Secret:
    """`env:NAME` and `file:PATH` (from the folder of the file) stand for what they name; anything else for itself."""
    if not isinstance(given, str):
        raise ValueError(f"Expected text in quotes, got `{type(given).__name__}`")
    kind, _, name = given.partition(":")
    if kind == "env":
        return _from_environment(name, os.environ)
    if kind == "file":
        return _from_file(folder / Path(name).expanduser())
    return Secret(given)


def _from_environment(name: str, environment: Mapping[str, str]) -> Secret:
    if name not in environment:
        raise ValueError(f"The environment variable {name!r} is not set")
    return _Referred(environment[name])


def _from_file(path: Path) -> Secret:
    try:
        return _Referred(path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r"))
    except OSError as error:
        raise ValueError(f"The file {path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"The file {path} is not UTF-8 text") from error


def _check_server(config: Config) -> None:
    server = config.server
    for key, text in (("http", server.http), ("https", server.https), ("admin", server.admin)):
        if not _is_listening_address(text) and not (key == "https" and not text):
            raise UserMistake(f"`server.{key}` {text!r} is not of the form host:port, such as 127.0.0.1:8080.")
    for key, text in (("base_domain", server.base_domain), ("control_host", server.control_name)):
        if not is_host_name(text):
            raise UserMistake(f"`server.{key}` {text!r} is not a host name such as apps.example.com (lower case).")
    if not server.brand.isprintable():
        raise UserMistake("`server.brand` must be one line of printable characters.")
    for network in server.trusted_proxies:
        check_network("server.trusted_proxies", network)
    if server.proxy_protocol and not server.trusted_proxies:
        raise UserMistake(
            "`server.proxy_protocol` needs to know from whom: name the proxies in `server.trusted_proxies`."
        )
    url = config.database.url.reveal()
    if url and not url.startswith(("postgresql://", "postgres://")):
        raise UserMistake("`database.url` must be empty (SQLite) or start with postgresql://.")


def _check_tls(config: Config) -> None:
    tls = config.tls
    if (tls.acme or tls.certificates) and not config.server.https:
        raise UserMistake('`tls` needs a listener for its certificates: set `server.https`, such as "0.0.0.0:443".')
    if config.server.http2 and not config.server.https:
        raise UserMistake("`server.http2` is for the https listener: set `server.https` as well.")
    if tls.directory and not tls.directory.startswith("https://"):
        raise UserMistake(f"`tls.directory` {tls.directory!r} must start with https://.")
    if tls.directory and tls.staging:
        raise UserMistake("`tls.staging` is Let's Encrypt's: leave it out, or leave out `tls.directory`.")
    if tls.email and not _EMAIL.fullmatch(tls.email):
        raise UserMistake(f"`tls.email` {tls.email!r} is not an address such as ops@example.com.")


def _tls_from(tls: TlsConfig, folder: Path) -> TlsConfig:
    """Paths count from the folder of the file."""
    own = tls.certificates
    files = tuple(CertificateFiles(cert=_path(folder, one.cert), key=_path(folder, one.key)) for one in own)
    return msgspec.structs.replace(tls, certificates=files, ca_file=tls.ca_file and _path(folder, tls.ca_file))


def _path(folder: Path, text: str) -> str:
    return str(folder / Path(text).expanduser())


def _is_listening_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    bare = ":" not in host or (host.startswith("[") and host.endswith("]"))
    return bool(host) and bare and port.isascii() and port.isdigit() and int(port) < 65_536


def _check_hosts(config: Config) -> None:
    owners = {config.server.control_name: "deployd itself"}
    for name, app in config.apps.items():
        for host in app.domains or (f"{name}.{config.server.base_domain}",):
            owner = owners.setdefault(host, f"app {name!r}")
            if Place.parse(host).host == config.server.control_name:
                owner = "deployd itself"
            if owner != f"app {name!r}":
                raise UserMistake(f"App {name!r} cannot be served at {host!r}: that host belongs to {owner}.")
