"""The apps themselves: created, changed, given env, stopped, removed."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from actors.deploy.fleet import Fleet
from actors.deploy.keeper import Keeper
from actors.deploy.tools import DeployTools
from deployd.domain.app import App, check_settings, checked_name, with_ascii_domains
from deployd.domain.env import Environment, EnvLayer, EnvValue, check_env
from deployd.domain.errors import BrokenRow, DeploydError, UserMistake
from deployd.domain.event import EventType
from deployd.domain.host_owners import HostOwners
from deployd.domain.ids import AppName
from deployd.domain.place import Place
from deployd.kernel.many import at_once, by_turns
from deployd.messages.deploy import ChangeEnv, PutApp, SetMaintenance
from deployd.messages.log import ForgetApp, RememberSecrets
from deployd.messages.proxy import RemoveRoute
from deployd.removal import remove

_PROXY_SECONDS = 20.0
_DEPLOYMENTS_KEPT = 500
_ENV_VERSIONS_KEPT = 20
"""Besides those of kept releases: a build that is under way has one that no release has yet."""

_MAINTENANCE_LENGTH = 500


_T = TypeVar("_T")


class Catalogue:
    def __init__(self, tools: DeployTools, fleet: Fleet, keeper: Keeper) -> None:
        self._tools = tools
        self._fleet = fleet
        self._keeper = keeper
        self._owners = HostOwners(tools.base_domain)

    def begin(self, apps: Iterable[App]) -> None:
        """With all that there are: from now on nobody else changes their hosts."""
        for app in apps:
            self._owners.note(app)

    async def change(self, order: PutApp | SetMaintenance) -> App:
        """What its route has to follow afterwards."""
        return await (self.put(order) if isinstance(order, PutApp) else self.set_maintenance(order))

    async def put(self, order: PutApp) -> App:
        """Everything is checked before anything is written."""
        (put,) = await self.put_all((order,))
        if isinstance(put, DeploydError):
            raise put
        return put

    async def put_all(self, orders: Sequence[PutApp]) -> list[App | DeploydError]:
        """Each by itself, what it needs of the database at once with the others."""
        before = await at_once((_or_error(self._existing(order)) for order in orders), "look for an app")
        wanted = [self._wanted(order, found) async for order, found in by_turns(zip(orders, before, strict=True))]
        each = zip(wanted, before, orders, strict=True)
        return await at_once((_or_error(self._keep(app, found, order)) for app, found, order in each), "keep an app")

    def _wanted(self, order: PutApp, before: App | DeploydError | None) -> App | DeploydError:
        """Its hosts are its own from now on; or why it cannot be so."""
        if isinstance(before, DeploydError):
            return before
        try:
            app = self._checked(order, before)
            self._refuse_clash(app)
        except UserMistake as mistake:
            return mistake
        self._owners.note(app)
        return app

    def _checked(self, order: PutApp, before: App | None) -> App:
        name = checked_name(order.name)
        settings = with_ascii_domains(order.settings)
        check_settings(name, settings)
        if order.env is not None:
            check_env({key: entry.value for key, entry in order.env.items()})
        if before is not None and order.create_only:
            raise UserMistake(f"App {name!r} exists already; change it, or choose another name.")
        if before is not None and bool(before.settings.upstreams) != bool(settings.upstreams):
            raise UserMistake(
                f"App {name!r} cannot change between `repo` and `upstream`; remove it and create it anew."
            )
        return App(
            name=name,
            settings=settings,
            created_ms=before.created_ms if before else self._tools.clock.now_ms(),
            stopped=before.stopped if before else False,
            maintenance=before.maintenance if before else None,
            login=order.login_after(before),
        )

    async def _keep(self, app: App | DeploydError, before: App | DeploydError | None, order: PutApp) -> App:
        if isinstance(app, DeploydError):
            raise app
        if app != before:
            kind = EventType.APP_CHANGED if before else EventType.APP_CREATED
            try:
                await self._tools.stores.apps.put(app, self._tools.journal.event(kind, app.name, app.name, {}))
            except DeploydError:
                self._owners.forget(app.name)
                if isinstance(before, App):
                    self._owners.note(before)
                raise
        if order.env is not None:
            await self._put_env(app.name, order.env)
        return app

    async def _put_env(self, app: AppName, values: dict[str, EnvValue]) -> None:
        envs = self._tools.stores.envs
        if await envs.layer(app, EnvLayer.FILE) == values:
            return
        env = await envs.write(app, EnvLayer.FILE, values, self._tools.clock.now_ms())
        await self._tools.journal.note(EventType.ENV_CHANGED, app, app, {"version": env.version})

    async def _existing(self, order: PutApp) -> App | None:
        """One that cannot be read is replaced by whoever says all of it anew, as deployd.toml does."""
        try:
            return await self._tools.stores.apps.find(order.name)
        except BrokenRow:
            if order.create_only:
                raise
            return None

    def _refuse_clash(self, app: App) -> None:
        for host in app.hosts(self._tools.base_domain):
            if Place.parse(host).host in self._tools.control_hosts:
                raise UserMistake(f"The host {host!r} belongs to deployd itself; give {app.name!r} another domain.")
        for host, owner in self._owners.others(app):
            raise UserMistake(
                f"The host {host!r} belongs to app {owner!r}; give {app.name!r} another domain, "
                f"or take it from {owner!r}, which keeps it until it is changed or removed."
            )

    async def change_env(self, order: ChangeEnv) -> Environment:
        app = await self._tools.stores.apps.get(order.app)
        check_env({key: entry.value for key, entry in order.put.items()})
        values = await self._tools.stores.envs.layer(app.name, order.layer)
        if missing := [key for key in order.remove if key not in values]:
            raise UserMistake(f"App {app.name!r} has no env {missing[0]!r} that was set here, so nothing was changed.")
        values = {key: entry for key, entry in values.items() if key not in order.remove} | dict(order.put)
        env = await self._tools.stores.envs.write(app.name, order.layer, values, self._tools.clock.now_ms())
        self._tools.log.tell(RememberSecrets(app=app.name, secrets=env.secrets()))
        await self._tools.journal.note(EventType.ENV_CHANGED, app.name, app.name, {"version": env.version})
        return env

    async def stop(self, app: App, by: str) -> None:
        """Closes the route before the instances stop, so that visitors read why."""
        stopped = msgspec.structs.replace(await self._tools.stores.apps.get(app.name), stopped=True)
        await self._tools.stores.apps.put(stopped)
        await self._keeper.refresh_route(stopped)
        await self._fleet.stop_all(await self._tools.stores.instances.of_app(app.name))
        self._tools.journal.say(app.name, None, f"Stopped by {by}.")
        await self._tools.journal.note(EventType.APP_STOPPED, app.name, app.name, {"by": by})

    async def set_maintenance(self, order: SetMaintenance) -> App:
        """A column of the app, so that no deployment and no restart forgets it."""
        app = await self._tools.stores.apps.get(order.app)
        text = order.text.strip() if order.text is not None else None
        if text is not None and not (0 < len(text) <= _MAINTENANCE_LENGTH and text.isprintable()):
            raise UserMistake(f"The maintenance text must be one line of 1 to {_MAINTENANCE_LENGTH} characters.")
        changed = msgspec.structs.replace(app, maintenance=text)
        await self._tools.stores.apps.put(changed)
        said = f"Maintenance ended by {order.by}." if text is None else f"Maintenance begun by {order.by}: {text}"
        self._tools.journal.say(app.name, None, said)
        await self._tools.journal.note(EventType.APP_CHANGED, app.name, app.name, {"maintenance": text})
        return changed

    async def remove(self, name: AppName) -> None:
        tools = self._tools
        await tools.proxy.ask(RemoveRoute(app=name), _PROXY_SECONDS)
        instances = tools.stores.instances
        await self._fleet.stop_all([*await instances.of_app(name), *await instances.broken(name)])
        await tools.stores.apps.remove(name)
        self._owners.forget(name)
        await tools.sources.forget(name)
        await asyncio.to_thread(remove, tools.releases_folder / name)
        await asyncio.to_thread(remove, tools.caches_folder / name)
        await self._sweep()
        tools.log.tell(ForgetApp(app=name))
        await tools.journal.note(EventType.APP_REMOVED, name, name, {})

    async def prune_releases(self, app: App) -> None:
        """Keeps the newest few and those of which something runs; what nobody needs besides goes with the others."""
        route = await self._tools.stores.routes.get(app.name)
        running = {instance.release for instance in await self._tools.stores.instances.of_app(app.name)}
        needed = {*running, *(route.releases if route is not None else ())}
        for release in (await self._tools.stores.releases.of_app(app.name))[self._tools.config.releases_kept :]:
            if release.number not in needed:
                await self._tools.stores.releases.remove(app.name, release.number)
                await asyncio.to_thread(remove, self._fleet.folder(release))
        await self._tools.stores.deployments.trim(app.name, _DEPLOYMENTS_KEPT)
        await self._tools.stores.envs.trim(app.name, _ENV_VERSIONS_KEPT)
        await self._sweep()

    async def _sweep(self) -> None:
        """Deletes the artifacts and the versions of tools that no kept release needs any more."""
        releases = self._tools.stores.releases
        await self._tools.artifacts.keep_only(await releases.artifacts())
        await self._tools.toolchains.keep_only(tuple(await releases.tools()))


async def _or_error(work: Coroutine[Any, Any, _T]) -> _T | DeploydError:
    """What concerns one of many comes back instead of ending the others."""
    try:
        return await work
    except DeploydError as error:
        return error
