"""Hosts that one edit takes from one app and gives to another: they are given up first, since a host has one owner."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from deployd.domain.app import App, AppSettings


def without_moved_hosts(
    apps: Sequence[App], wanted: Mapping[str, AppSettings], base_domain: str
) -> Iterator[tuple[str, AppSettings]]:
    """The apps that serve a host which another of `wanted` is to serve, with their settings as they are but for that.

    What they are to serve instead they get at once, as far as it is nobody's yet.
    """
    owners = {host: app.name for app in apps for host in app.hosts(base_domain)}
    takers = {
        host: name for name, settings in wanted.items() for host in (settings.domains or (f"{name}.{base_domain}",))
    }
    for app in apps:
        if app.name in wanted and any(takers.get(host, app.name) != app.name for host in app.hosts(base_domain)):
            domains = tuple(host for host in wanted[app.name].domains if owners.get(host, app.name) == app.name)
            proxy = msgspec.structs.replace(app.settings.proxy, canonical="")
            yield app.name, msgspec.structs.replace(app.settings, domains=domains, proxy=proxy)
