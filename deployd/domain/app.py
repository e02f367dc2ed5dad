"""What the user deploys, and the settings that deployd.toml, the API and the store share."""

import re
from collections.abc import Callable, Iterator
from typing import Annotated, TypeVar

import msgspec

from deployd.domain.bounds import MOST, MOST_CPUS, MOST_PIDS
from deployd.domain.build import BuildPlan, BuildSettings, wrong_build_settings
from deployd.domain.edge import EdgeSettings, wrong_edge_settings
from deployd.domain.errors import UserMistake
from deployd.domain.host_name import in_ascii, is_domain, is_host_name, why_no_host_name
from deployd.domain.ids import SYSTEM_APP, AppName
from deployd.domain.nul import place_of_nul
from deployd.domain.place import Place
from deployd.domain.repository_address import RepositoryAddress
from deployd.domain.secret import Secret
from deployd.domain.setting import Key, WrongSetting, raise_first

MAINTENANCE_TEXT = "We are working on it and will be back soon."
"""What visitors read when nobody said what."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]|[a-z]")
_PROCESS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_PATH = re.compile(r"/[!-~]*")
_UPSTREAM = re.compile(r"[^\s/:]+:[0-9]{1,5}|\[[0-9a-fA-F:]+\]:[0-9]{1,5}")

AnySettings = TypeVar("AnySettings", bound="AppSettings")
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


def with_ascii_domains(settings: AnySettings) -> AnySettings:
    """Names with letters beyond ASCII become what browsers ask for."""
    domains, canonical = tuple(map(in_ascii, settings.domains)), in_ascii(settings.proxy.canonical)
    if (domains, canonical) == (settings.domains, settings.proxy.canonical):
        return settings
    proxy = msgspec.structs.replace(settings.proxy, canonical=canonical)
    return msgspec.structs.replace(settings, domains=domains, proxy=proxy)


def check_settings(name: str, settings: AppSettings) -> None:
    """Raises WrongSetting for the first setting that cannot work."""
    raise_first(wrong_settings(name, settings))


def wrong_settings(name: str, settings: AppSettings) -> Iterator[WrongSetting]:
    """Each setting that cannot work; its key counts from the app's table."""
    if bool(settings.repo) == bool(settings.upstreams):
        key = ("upstream",) if settings.repo else ()
        yield WrongSetting(
            key, f"App {name!r} needs either `repo` (a git URL) or `upstream` (host:port), and not both."
        )
    parts = (_wrong_places(settings), _wrong_processes(settings), wrong_build_settings(settings.build))
    for wrong in (*parts, wrong_edge_settings(settings.proxy), _wrong_canonical(settings)):
        yield from (each.said_of(f"App {name!r}") for each in wrong)


def _wrong_places(settings: AppSettings) -> Iterator[WrongSetting]:
    """What leads to the app, or from it."""
    for at, host in enumerate(settings.domains):
        if not is_domain(host):
            yield WrongSetting(("domains", at), f"{host!r} in `domains` {why_no_host_name(host, domain=True)}.")
    for at, address in enumerate(settings.upstreams):
        if not _is_upstream(address):
            key: Key = ("upstream",) if isinstance(settings.upstream, str) else ("upstream", at)
            yield WrongSetting(key, f"`upstream` {address!r} is not of the form host:port.")
    if not _PATH.fullmatch(settings.health_check.path):
        yield WrongSetting(
            ("health",) if isinstance(settings.health, str) else ("health", "path"),
            f"the `health` path {settings.health_check.path!r} must start with /, and spaces and letters "
            "beyond ASCII are to be percent-encoded.",
        )
    yield from _wrong_repo(settings.repo)


def _wrong_repo(repo: str | None) -> Iterator[WrongSetting]:
    try:
        login = RepositoryAddress.parse(repo).login if repo is not None else None
    except UserMistake as mistake:
        yield WrongSetting(("repo",), f"`repo`: {mistake}")
        return
    if login is not None:
        raise AssertionError("The login of a repository's address is kept apart from an app's settings.")


def _is_upstream(address: str) -> bool:
    if address.startswith("unix:/"):
        return True
    return _UPSTREAM.fullmatch(address) is not None and 0 < int(address.rsplit(":", 1)[1]) < 65_536


def _wrong_processes(settings: AppSettings) -> Iterator[WrongSetting]:
    for table, processes in (("processes", settings.processes), ("commands", settings.commands)):
        for process in processes:
            if not _PROCESS.fullmatch(process):
                yield WrongSetting(
                    (table, process),
                    f"{process!r} cannot name a process: take letters, digits, _ and -, from a letter on.",
                    named=True,
                )
    if (place := place_of_nul(msgspec.to_builtins(settings))) is not None:
        yield WrongSetting(tuple(place.split(".")), f"`{place}` holds a NUL byte, which no program can be given.")


def _wrong_canonical(settings: AppSettings) -> Iterator[WrongSetting]:
    """Otherwise every visitor would be sent to where the app is not served."""
    host = settings.proxy.canonical
    if not host:
        return
    key = ("proxy", "canonical")
    served = {domain.partition("/")[0] for domain in settings.domains}
    if not is_host_name(host):
        yield WrongSetting(key, f"`proxy.canonical` {host!r} {why_no_host_name(host)}.")
    elif served and not served & {host, f"*.{host.partition('.')[2]}"}:
        yield WrongSetting(key, f"`proxy.canonical` {host!r} is not a host name that is among its `domains`.")
