"""Which app each host belongs to."""

from collections.abc import Iterable, Iterator

from deployd.domain.app import App
from deployd.domain.ids import AppName


class HostOwners:
    """Of two apps with one host, which only a change of the base domain can bring about, the later one has it."""

    def __init__(self, base_domain: str, apps: Iterable[App] = ()) -> None:
        self._base_domain = base_domain
        self._owners: dict[str, AppName] = {}
        self._hosts: dict[AppName, tuple[str, ...]] = {}
        for app in apps:
            self.note(app)

    def note(self, app: App) -> None:
        """As it is from now on."""
        self.forget(app.name)
        self._hosts[app.name] = app.hosts(self._base_domain)
        self._owners.update(dict.fromkeys(self._hosts[app.name], app.name))

    def forget(self, app: AppName) -> None:
        for host in self._hosts.pop(app, ()):
            if self._owners.get(host) == app:
                del self._owners[host]

    def others(self, app: App) -> Iterator[tuple[str, AppName]]:
        """The hosts it asks for that another app has, and whose each is."""
        for host in app.hosts(self._base_domain):
            owner = self._owners.get(host, app.name)
            if owner != app.name:
                yield host, owner
