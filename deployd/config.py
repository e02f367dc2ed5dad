"""deployd.toml: the tables and keys that may be in it, with their defaults."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from deployd.domain.app import AppSettings
from deployd.domain.bounds import MOST, MOST_CPUS, MOST_PIDS
from deployd.domain.certificate import LETS_ENCRYPT, LETS_ENCRYPT_STAGING
from deployd.domain.route import Address, parse_address
from deployd.domain.secret import Secret
from deployd.paths import Paths

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
OneOrMore = Annotated[int, msgspec.Meta(ge=1, le=MOST)]
ZeroOrMore = Annotated[int, msgspec.Meta(ge=0, le=MOST)]


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
    brand: Annotated[str, msgspec.Meta(max_length=60)] = "deployd"

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
    build_cpus: Annotated[float, msgspec.Meta(ge=0, le=MOST_CPUS)] = 0.0
    build_pids: Annotated[int, msgspec.Meta(ge=1, le=MOST_PIDS)] = 4096
    build_network: Literal["auto", "isolated", "host"] = "auto"
    unsandboxed: bool = False
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


NOT_A_KEY = "login"
"""What an [apps.NAME] has besides its keys: it stands in the address in `repo`."""


class AppConfig(AppSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table [apps.NAME]; `repo` stands in it with the `login`, which is taken off when it is read."""

    env: dict[str, Secret] = msgspec.field(default_factory=dict)
    login: Secret | None = None

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
