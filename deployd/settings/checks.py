"""What cannot work although each value has the right kind: each such setting of deployd.toml."""

import re
from collections.abc import Collection, Iterator

from deployd.config import AppConfig, Config
from deployd.domain.app import checked_name, wrong_settings
from deployd.domain.edge import wrong_networks
from deployd.domain.env import wrong_env
from deployd.domain.errors import UserMistake
from deployd.domain.host_name import is_host_name, why_no_host_name
from deployd.domain.place import Place
from deployd.domain.setting import WrongSetting

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def wrong_values(config: Config, unknown: Collection[str] = ()) -> Iterator[WrongSetting]:
    """`unknown` are tables that hold defaults only because what the file says in them is a mistake of another kind."""
    if "server" not in unknown:
        yield from _wrong_server(config)
        yield from _wrong_hosts(config)
        if "tls" not in unknown:
            yield from _wrong_listener(config)
    yield from _wrong_tls(config)
    yield from _wrong_database(config)
    for name, app in config.apps.items():
        yield from (each.below("apps", name) for each in _wrong_app(name, app))


def _wrong_app(name: str, app: AppConfig) -> Iterator[WrongSetting]:
    try:
        checked_name(name)
    except UserMistake as mistake:
        yield WrongSetting((), str(mistake))
    yield from wrong_settings(name, app.settings())
    for each in wrong_env(app.env):
        yield each.said_of(f"`apps.{name}.env`").below("env")


def _wrong_server(config: Config) -> Iterator[WrongSetting]:
    server = config.server
    for key, text in (("http", server.http), ("https", server.https), ("admin", server.admin)):
        if not _is_listening_address(text) and not (key == "https" and not text):
            sentence = f"`server.{key}` {text!r} is not of the form host:port, such as 127.0.0.1:8080."
            yield WrongSetting(("server", key), sentence)
    if not is_host_name(server.base_domain):
        sentence = f"`server.base_domain` {server.base_domain!r} {why_no_host_name(server.base_domain)}."
        yield WrongSetting(("server", "base_domain"), sentence)
    elif not is_host_name(server.control_name):
        sentence = f"`server.control_host` {server.control_name!r} {why_no_host_name(server.control_name)}."
        yield WrongSetting(("server", "control_host"), sentence)
    if not server.brand.isprintable():
        yield WrongSetting(("server", "brand"), "`server.brand` must be one line of printable characters.")
    proxies = wrong_networks("server.trusted_proxies", server.trusted_proxies)
    yield from (each.below("server") for each in proxies)
    if server.proxy_protocol and not server.trusted_proxies:
        yield WrongSetting(
            ("server", "proxy_protocol"),
            "`server.proxy_protocol` needs to know from whom: name the proxies in `server.trusted_proxies`.",
        )


def _wrong_listener(config: Config) -> Iterator[WrongSetting]:
    """What is about the https listener needs one."""
    if config.server.https:
        return
    if config.tls.acme or config.tls.certificates:
        yield WrongSetting(
            ("tls", "acme" if config.tls.acme else "certificates"),
            '`tls` needs a listener for its certificates: set `server.https`, such as "0.0.0.0:443".',
        )
    if config.server.http2:
        yield WrongSetting(("server", "http2"), "`server.http2` is for the https listener: set `server.https` as well.")


def _wrong_tls(config: Config) -> Iterator[WrongSetting]:
    tls = config.tls
    if tls.directory and not tls.directory.startswith("https://"):
        yield WrongSetting(("tls", "directory"), f"`tls.directory` {tls.directory!r} must start with https://.")
    if tls.directory and tls.staging:
        yield WrongSetting(
            ("tls", "staging"), "`tls.staging` is Let's Encrypt's: leave it out, or leave out `tls.directory`."
        )
    if tls.email and not _EMAIL.fullmatch(tls.email):
        yield WrongSetting(("tls", "email"), f"`tls.email` {tls.email!r} is not an address such as ops@example.com.")


def _wrong_database(config: Config) -> Iterator[WrongSetting]:
    url = config.database.url.reveal()
    if url and not url.startswith(("postgresql://", "postgres://")):
        yield WrongSetting(("database", "url"), "`database.url` must be empty (SQLite) or start with postgresql://.")


def _wrong_hosts(config: Config) -> Iterator[WrongSetting]:
    owners = {config.server.control_name: "deployd itself"}
    for name, app in config.apps.items():
        for at, host in enumerate(app.domains or (f"{name}.{config.server.base_domain}",)):
            owner = owners.setdefault(host, f"app {name!r}")
            if Place.parse(host).host == config.server.control_name:
                owner = "deployd itself"
            if owner != f"app {name!r}":
                yield WrongSetting(
                    ("apps", name, "domains", at),
                    f"App {name!r} cannot be served at {host!r}: that host belongs to {owner}.",
                )


def _is_listening_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    bare = ":" not in host or (host.startswith("[") and host.endswith("]"))
    return bool(host) and bare and port.isascii() and port.isdigit() and int(port) < 65_536
