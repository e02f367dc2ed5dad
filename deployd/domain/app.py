"""What the user deploys, and the settings that deployd.toml, the API and the store share."""

import re
from collections.abc import Callable
from typing import Annotated

import msgspec

from deployd.domain.bounds import MOST, MOST_CPUS, MOST_PIDS
from deployd.domain.build import BuildPlan, BuildSettings, check_build_settings
from deployd.domain.edge import EdgeSettings, check_edge
from deployd.domain.errors import UserMistake
from deployd.domain.ids import SYSTEM_APP, AppName
from deployd.domain.nul import place_of_nul
from deployd.domain.place import Place
from deployd.domain.repository_address import RepositoryAddress
from deployd.domain.secret import Secret

MAINTENANCE_TEXT = "We are working on it and will be back soon."
"""What visitors read when nobody said what."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]|[a-z]")
_HOST = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_PROCESS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_PATH = re.compile(r"/[!-~]*")
_UPSTREAM = re.compile(r"[^\s/:]+:[0-9]{1,5}|\[[0-9a-fA-F:]+\]:[0-9]{1,5}")
_DOMAIN = re.compile(r"(\*\.)?([^/]+)(/(?!\.\.?(/|\Z))[A-Za-z0-9._~!$&'()*+,=:@-]+)*")

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Count = Annotated[int, msgspec.Meta(ge=0, le=64)]


class HealthCheck(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The gate a new instance passes before traffic: `GET path` answered below 500 (below 400 when a path was set)."""

    path: str = "/"
    gate_seconds: Seconds = 60.0
    timeout_seconds: Seconds = 5.0
    successes: Annotated[int, msgspec.Meta(ge=1, le=20)] = 2


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Caps for each instance; 0 means no cap."""

    memory_mb: Annotated[int, msgspec.Meta(ge=0, le=MOST)] = 0
    cpus: Annotated[float, msgspec.Meta(ge=0, le=MOST_CPUS)] = 0.0
    pids: Annotated[int, msgspec.Meta(ge=0, le=MOST_PIDS)] = 512
    open_files: Annotated[int, msgspec.Meta(ge=0, le=MOST)] = 8192


class AppSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything about an app except its env and the login to its repository, which are kept encrypted elsewhere."""

    repo: str | None = None
    branch: str | None = None
    domains: tuple[str, ...] = ()
    health: str | HealthCheck = "/"
    upstream: str | tuple[str, ...] = ()
    processes: dict[str, Count] = {}
    commands: dict[str, str] = {}
    limits: Limits = Limits()
    build: BuildSettings = BuildSettings()
    proxy: EdgeSettings = EdgeSettings()

    @property
    def health_check(self) -> HealthCheck:
        return HealthCheck(path=self.health) if isinstance(self.health, str) else self.health

    def health_check_of(self, plan: BuildPlan) -> HealthCheck:
        """The path that the build found, unless the app's settings name one."""
        check = self.health_check
        return msgspec.structs.replace(check, path=plan.health) if plan.health and check.path == "/" else check

    @property
    def upstreams(self) -> tuple[str, ...]:
        return (self.upstream,) if isinstance(self.upstream, str) else self.upstream

    def instances(self, process: str) -> int:
        """How many copies of a process run: 1 each unless `processes` says otherwise."""
        return self.processes.get(process, 1)


class App(msgspec.Struct, frozen=True, kw_only=True):
    """`maintenance` is what visitors read while the app is in maintenance; `login` is the one to its repository."""

    name: AppName
    settings: AppSettings
    created_ms: int
    stopped: bool = False
    maintenance: str | None = None
    login: Secret | None = None

    @property
    def repository(self) -> RepositoryAddress | None:
        return RepositoryAddress(url=self.settings.repo, login=self.login) if self.settings.repo else None

    def hosts(self, base_domain: str) -> tuple[str, ...]:
        """The places (deployd.domain.place) it is served at: its domains, or NAME.base_domain."""
        return self.settings.domains or (f"{self.name}.{base_domain}",)

    def urls(self, base_domain: str, url_of_host: Callable[[str], str]) -> tuple[str, ...]:
        """Where people can open it; wildcards only when there is nothing else."""
        places = [Place.parse(host) for host in self.hosts(base_domain)]
        return tuple(place.url(url_of_host) for place in [one for one in places if not one.wildcard] or places)


def checked_name(text: str) -> AppName:
    """Raises UserMistake unless `text` can be an app's name and so a DNS label."""
    if not _NAME.fullmatch(text):
        raise UserMistake(
            f"App name {text!r} is not usable: take 1 to 40 of a-z, 0-9 and -, from a letter to a letter or digit."
        )
    if text == SYSTEM_APP:
        raise UserMistake(f"App name {text!r} is taken by deployd itself; choose another.")
    return AppName(text)


def is_host_name(text: str) -> bool:
    return _HOST.fullmatch(text) is not None


def is_domain(text: str) -> bool:
    """A host name, a wildcard for one (`*.example.com`), or either with a path prefix (`example.com/api`)."""
    found = _DOMAIN.fullmatch(text)
    return found is not None and is_host_name(found[2])


def check_settings(name: str, settings: AppSettings) -> None:
    """Raises UserMistake naming the first setting that cannot work."""
    if bool(settings.repo) == bool(settings.upstreams):
        raise UserMistake(f"App {name!r} needs either `repo` (a git URL) or `upstream` (host:port), and not both.")
    for host in settings.domains:
        if not is_domain(host):
            raise UserMistake(
                f"App {name!r}: {host!r} in `domains` is not a host name such as www.example.com (lower case)."
            )
    for address in settings.upstreams:
        if address.startswith("unix:/"):
            continue
        if not _UPSTREAM.fullmatch(address) or not 0 < int(address.rsplit(":", 1)[1]) < 65_536:
            raise UserMistake(f"App {name!r}: `upstream` {address!r} is not of the form host:port.")
    if not _PATH.fullmatch(settings.health_check.path):
        raise UserMistake(
            f"App {name!r}: the `health` path {settings.health_check.path!r} must start with /, and spaces and letters "
            "beyond ASCII are to be percent-encoded."
        )
    try:
        _check_processes(settings)
        _check_repo(settings.repo)
        check_build_settings(settings.build)
        check_edge(settings.proxy)
        _check_canonical(settings.proxy.canonical, settings.domains)
    except UserMistake as mistake:
        raise UserMistake(f"App {name!r}: {mistake}") from mistake


def _check_repo(repo: str | None) -> None:
    if repo is not None and RepositoryAddress.parse(repo).login is not None:
        raise AssertionError("The login of a repository's address is kept apart from an app's settings.")


def _check_processes(settings: AppSettings) -> None:
    for process in (*settings.processes, *settings.commands):
        if not _PROCESS.fullmatch(process):
            raise UserMistake(f"{process!r} cannot name a process: take letters, digits, _ and -, from a letter on.")
    if (place := place_of_nul(msgspec.to_builtins(settings))) is not None:
        raise UserMistake(f"`{place}` holds a NUL byte, which no program can be given.")


def _check_canonical(host: str, domains: tuple[str, ...]) -> None:
    """Otherwise every visitor would be sent to where the app is not served."""
    if not host:
        return
    served = {domain.partition("/")[0] for domain in domains}
    if not is_host_name(host) or (served and not served & {host, f"*.{host.partition('.')[2]}"}):
        raise UserMistake(f"`proxy.canonical` {host!r} is not a host name that is among its `domains`.")
