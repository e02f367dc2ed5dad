"""ConfigActor: makes the apps be what deployd.toml says, at the start and after every edit."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import assert_never

from actors.journal import Journal
from deployd.config import AppConfig, Config
from deployd.config_file import resolve_env
from deployd.domain.app import App, AppSettings
from deployd.domain.deployment import Trigger
from deployd.domain.errors import DeploydError, NotFound, StateConflict, UserMistake
from deployd.domain.event import EventType
from deployd.domain.ids import SYSTEM_APP, AppName
from deployd.domain.log_line import Level
from deployd.domain.moved_hosts import without_moved_hosts
from deployd.kernel.actor import Actor
from deployd.kernel.errors import ActorError
from deployd.kernel.many import portions
from deployd.kernel.problems import Problems
from deployd.kernel.ref import Ref
from deployd.messages.config import ChangeDeclared, ConfigEdited, ConfigMessage, RemoveDeclared
from deployd.messages.deploy import DeployMessage, PutApp, PutApps, RemoveApp, RequestDeployment, StopApp
from deployd.ports.app_store import AppStore
from deployd.ports.config_file import ConfigFile
from deployd.ports.deployment_store import DeploymentStore
from deployd.settings.declared import Declared, Owner
from deployd.settings.effect import WAITS_FOR

_ASK_SECONDS = 30.0
_STOP_SECONDS = 90.0
_BY = "deployd.toml"
_AT_ONCE = 100
"""Whatever else there is to do for DeployActor waits for so many at most."""
_SURE_SECONDS = 2.0
"""A file that is still being written may lack its last tables; apps are not stopped for that."""


class ConfigActor(Actor[ConfigMessage]):
    """An invalid edit changes nothing: it is refused with its reason in the log, on the page and in /readyz."""

    expected = (DeploydError, ActorError)

    def __init__(
        self,
        ref: Ref[ConfigMessage],
        file: ConfigFile,
        running: Config,
        apps: AppStore,
        deployments: DeploymentStore,
        deploy: Ref[DeployMessage],
        journal: Journal,
        problems: Problems,
        declared: Declared,
        sure_seconds: float = _SURE_SECONDS,
    ) -> None:
        super().__init__(ref)
        self._file = file
        self._running = running
        self._sure_seconds = sure_seconds
        self._base_domain = running.server.base_domain
        self._apps = apps
        self._deployments = deployments
        self._deploy = deploy
        self._journal = journal
        self._problems = problems
        self._declared = declared
        self._applied: dict[str, AppConfig] = {}
        self._refused: dict[str, str] = {}
        """Why an app is not as the file says."""
        self._one_at_a_time = asyncio.Lock()

    async def on_start(self) -> None:
        self.spawn(self._watch(), name="watch deployd.toml")
        self.ref.tell(ConfigEdited())

    async def _watch(self) -> None:
        async for _ in self._file.edits():
            self.ref.tell(ConfigEdited())

    async def handle(self, message: ConfigMessage) -> object:
        match message:
            case ConfigEdited():
                return self.spawn(self._apply(), name="apply deployd.toml")
            case ChangeDeclared(app=app):
                return self.spawn(self._change(message), name=f"change {app} in deployd.toml")
            case RemoveDeclared(app=app):
                return self.spawn(self._remove(app), name=f"remove {app} from deployd.toml")
            case _:
                assert_never(message)

    async def _apply(self) -> None:
        async with self._one_at_a_time:
            await self._apply_now()

    async def _change(self, order: ChangeDeclared) -> App:
        """The file first: an edit that was not applied to the end is applied at the next start."""
        async with self._one_at_a_time:
            self._check_owned(order.app)
            rewritten = await self._file.change_app(order.app, order.changes)
            await self._apply_now()
            if (refusal := self._refused.get(order.app)) is not None:
                await self._file.undo(rewritten)
                await self._apply_now()
                raise UserMistake(refusal)
            return await self._apps.get(order.app)

    async def _remove(self, app: str) -> None:
        """The file first: otherwise the app would be back at the next start."""
        async with self._one_at_a_time:
            self._check_owned(app)
            await self._file.remove_app(app)
            self._applied.pop(app, None)  # It is not an app that goes on without its table.
            self._declared.apps = {name: each for name, each in self._declared.apps.items() if name != app}
            self._journal.say(SYSTEM_APP, None, f"App {app!r} was taken out of {self._declared.file}.")
            with suppress(NotFound):  # It may never have been more than a table.
                await self._deploy.ask(RemoveApp(app=app), _STOP_SECONDS)

    def _check_owned(self, app: str) -> None:
        if self._declared.owner(app) is not Owner.FILE:
            raise StateConflict(f"App {app!r} does not stand in {self._declared.file} any more: try again.")

    async def _apply_now(self) -> None:
        try:
            config = await self._file.load()
        except UserMistake as mistake:
            await self._refuse(str(mistake))
            return
        self._declared.apps = config.apps
        refused = [*await self._give_up_moved_hosts(config), *await self._put_all(config)]
        await self._drop_removed(config)
        if refused:
            await self._refuse(" ".join(refused))
            return
        self._problems.clear("config")
        await self._say_what_waits(config)

    async def _refuse(self, reason: str) -> None:
        self._problems.say("config", f"The last edit of deployd.toml was refused: {reason}")
        for line in f"Edit refused: {reason}".splitlines():
            self._journal.say(SYSTEM_APP, None, line, Level.ERROR)
        await self._journal.note(EventType.CONFIG_REFUSED, SYSTEM_APP, "deployd.toml", {"reason": reason})

    async def _give_up_moved_hosts(self, config: Config) -> list[str]:
        """Else the first app of two that swap their hosts would be refused; the sentences when this was refused."""
        apps, refused = await self._apps.all(), list[str]()
        for name, settings in await asyncio.to_thread(self._moved, apps, config):
            self._applied.pop(name, None)
            try:
                await self._deploy.ask(PutApp(name=name, settings=settings), _ASK_SECONDS)
            except (DeploydError, ActorError) as refusal:
                refused.append(str(refusal))
        return refused

    def _moved(self, apps: list[App], config: Config) -> list[tuple[str, AppSettings]]:
        """In a thread: it looks at all apps."""
        wanted = {name: app.settings() for name, app in config.apps.items()}
        return list(without_moved_hosts(apps, wanted, self._base_domain))

    async def _put_all(self, config: Config) -> list[str]:
        """Applies every [apps.NAME] table that is not as it was; the sentences of those that were refused."""
        edited = [(name, app) for name, app in config.apps.items() if self._applied.get(name) != app]
        deployed = await self._deployments.latest() if edited else {}
        built_from = {
            app.name: (app.settings.repo, app.settings.branch)
            for app in (await self._apps.all() if edited else [])
            if app.name in deployed
        }
        refused = []
        for some in portions(edited, _AT_ONCE):
            for (name, app), put in zip(some, await self._put(some), strict=True):
                refusal = await self._follow(name, app, put, built_from.get(AppName(name)))
                if refusal is None:
                    self._refused.pop(name, None)
                    self._applied[name] = app
                else:
                    self._refused[name] = refusal
                    refused.append(refusal)
        return refused

    async def _put(self, some: Sequence[tuple[str, AppConfig]]) -> Sequence[App | DeploydError | ActorError]:
        orders = tuple(
            PutApp(name=name, settings=app.settings(), login=app.login, env=resolve_env(app)) for name, app in some
        )
        try:
            return await self._deploy.ask(PutApps(orders=orders), _ASK_SECONDS)
        except (DeploydError, ActorError) as refusal:
            return [refusal] * len(some)

    async def _follow(
        self,
        name: str,
        app: AppConfig,
        put: App | DeploydError | ActorError,
        built_from: tuple[str | None, str | None] | None,
    ) -> str | None:
        """Deploys what is to be built from something else than before (None: from nothing); why it is not as said."""
        if not isinstance(put, App):
            return str(put)
        try:
            wanted = (put.settings.repo, put.settings.branch)
            if put.settings.repo is not None and wanted != built_from:
                await self._deploy.ask(RequestDeployment(app=name, trigger=Trigger.TOML, by=_BY), _ASK_SECONDS)
            elif put.settings.repo is not None:
                self._say_what_waits_for(put.name, app)
        except (DeploydError, ActorError) as refusal:
            return str(refusal)
        return None

    def _say_what_waits_for(self, name: AppName, app: AppConfig) -> None:
        before = self._applied.get(name)
        for key, verb in WAITS_FOR.items():
            if before is not None and getattr(before, key) != getattr(app, key):
                text = f"The new `{key}` of {name} takes effect with: deployd {verb} {name}"
                self._journal.say(name, None, text)

    async def _drop_removed(self, config: Config) -> None:
        gone = [name for name in self._applied if name not in config.apps]
        if gone and config.prune:
            await asyncio.sleep(self._sure_seconds)
            try:
                config = await self._file.load()
            except UserMistake:
                return  # The edit that says so is still to come.
        for name in [name for name in gone if name not in config.apps]:
            del self._applied[name]
            if config.prune:
                await self._deploy.ask(StopApp(app=name, by=_BY), _STOP_SECONDS)
            else:
                self._journal.say(
                    SYSTEM_APP, None, f"App {name!r} is no longer in deployd.toml but goes on: `prune` is false."
                )

    async def _say_what_waits(self, config: Config) -> None:
        """Only apps are applied while running."""
        for part in ("server", "tls", "deploy", "logs", "telegram", "database"):
            if getattr(config, part) != getattr(self._running, part):
                self._journal.say(SYSTEM_APP, None, f"The change in [{part}] takes effect when deployd is restarted.")
        self._running = config
        await self._journal.note(EventType.CONFIG_APPLIED, SYSTEM_APP, "deployd.toml", {"apps": len(config.apps)})
