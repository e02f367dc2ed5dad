"""deployd.toml: what may be in it, and how it is read, checked and refused. Only this file reads the environment."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from deployd.domain.app import AppSettings, check_settings, checked_name, is_host_name
from deployd.domain.certificate import LETS_ENCRYPT, LETS_ENCRYPT_STAGING
from deployd.domain.edge import check_network
from deployd.domain.env import EnvValue, check_env, looks_secret
from deployd.domain.errors import UserMistake
from deployd.domain.place import Place
from deployd.domain.route import Address, parse_address
from deployd.domain.secret import Secret
from deployd.paths import Paths

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
OneOrMore = Annotated[int, msgspec.Meta(ge=1)]
ZeroOrMore = Annotated[int, msgspec.Meta(ge=0)]
Kind = TypeVar("Kind")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`load` makes `data_dir` absolute: it counts from the folder of the file."""

    data_dir: str = "data"
    http: str = "0.0.0.0:8080"
    https: str = ""
    http2: bool = False
    admin: str = "127.0.0.1:9001"
    base_domain: str = "localhost"
    control_host: str = ""
    shutdown_seconds: Seconds = 30.0
    trusted_proxies: tuple[str, ...] = ()
    proxy_protocol: bool = False
    connections_per_address: ZeroOrMore = 256

    @property
    def http_address(self) -> Address:
        return parse_address(self.http)

    @property
    def https_address(self) -> Address | None:
        return parse_address(self.https) if self.https else None

    @property
    def admin_address(self) -> Address:
        return parse_address(self.admin)

    @property
    def control_name(self) -> str:
        """The host name under which deployd itself answers on the public listener."""
        return self.control_host or f"deployd.{self.base_domain}"


class CertificateFiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A certificate (with its chain) and its key, as PEM files. `load` makes the paths absolute."""

    cert: str
    key: str


class TlsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where certificates come from: own files, and with `acme` an authority, whose terms the user agrees to thereby."""

    acme: bool = False
    email: str = ""
    directory: str = ""
    staging: bool = False
    ca_file: str = ""
    certificates: tuple[CertificateFiles, ...] = ()

    @property
    def acme_directory(self) -> str:
        return self.directory or (LETS_ENCRYPT_STAGING if self.staging else LETS_ENCRYPT)


class DeployConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Deadlines of the stages, how much is done and kept at once, and what one build may use.

    `build_memory_mb` of 0 means a share of this machine's memory, `build_cpus` of 0 all of them, `watch_seconds` of 0
    no watch.
    """

    fetch_seconds: Seconds = 120.0
    build_seconds: Seconds = 900.0
    start_seconds: Seconds = 120.0
    release_seconds: Seconds = 600.0
    drain_seconds: Seconds = 30.0
    watch_seconds: Annotated[float, msgspec.Meta(ge=0, le=3_600)] = 120.0
    builds_at_once: OneOrMore = 1
    build_memory_mb: ZeroOrMore = 0
    build_cpus: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    build_pids: OneOrMore = 4096
    build_network: Literal["host", "isolated"] = "host"
    releases_kept: OneOrMore = 5
    cache_mb_per_app: OneOrMore = 2048


class LogsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keep_days: OneOrMore = 7
    keep_mb_per_app: OneOrMore = 500


class TelegramConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bot is off while `token` is empty; `allow` holds the ids of the users it answers."""

    token: Secret = Secret("")
    api_base: str = "https://api.telegram.org"
    allow: tuple[int, ...] = ()


class DatabaseConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An empty `url` means the SQLite file in the data folder."""

    url: Secret = Secret("")


class AppConfig(AppSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table [apps.NAME]."""

    env: dict[str, Secret] = msgspec.field(default_factory=dict)

    def settings(self) -> AppSettings:
        return AppSettings(**{field: getattr(self, field) for field in AppSettings.__struct_fields__})


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With `prune` an app whose table is taken out of the file is stopped."""

    prune: bool = False
    server: ServerConfig = ServerConfig()
    tls: TlsConfig = TlsConfig()
    deploy: DeployConfig = DeployConfig()
    logs: LogsConfig = LogsConfig()
    telegram: TelegramConfig = TelegramConfig()
    database: DatabaseConfig = DatabaseConfig()
    apps: dict[str, AppConfig] = {}

    @property
    def paths(self) -> Paths:
        return Paths(Path(self.server.data_dir))


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
