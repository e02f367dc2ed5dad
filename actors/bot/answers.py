"""What the bot tells without changing anything."""

from collections.abc import Callable, Sequence

from actors.bot.button_data import Action
from actors.bot.commands import COMMANDS, parsed_lines
from actors.bot.excerpt import excerpt, log_text
from actors.bot.overview import app_buttons, app_post, apps_post, instances_post
from actors.bot.post import Post, escaped
from actors.bot.reads import BotReads
from deployd.domain.errors import UserMistake
from deployd.domain.ids import DeploymentId
from deployd.domain.log_line import LogLine
from deployd.messages.bot import UserId
from deployd.ports.chat import MAX_UNITS, units

DEPLOYMENT_PREFIX = "dep-"
_LINES = 50
_MOST_LINES = 500

FollowDeployment = Callable[[UserId, DeploymentId, bool], None]
"""Shows a person the deployment's card; True: as a new message at the end of the chat."""


class Answers:
    """Each method is a command with its arguments."""

    def __init__(self, reads: BotReads, follow: FollowDeployment) -> None:
        self._reads = reads
        self._follow = follow

    async def help(self, user: UserId, args: tuple[str, ...]) -> Post:
        lines = [f"/{verb} {escaped(spec.usage)}".rstrip() + f": {spec.about}" for verb, spec in COMMANDS.items()]
        return Post(text="\n".join(["I deploy your apps and tell you when something goes wrong.", "", *lines]))

    async def apps(self, user: UserId, args: tuple[str, ...]) -> Post:
        return apps_post(await self._reads.overview())

    async def status(self, user: UserId, args: tuple[str, ...]) -> Post | None:
        if not args:
            return await self.which("Status of which app?", Action.STATUS)
        if args[0].startswith(DEPLOYMENT_PREFIX):
            deployment = await self._reads.stores.deployments.get(args[0])
            self._follow(user, deployment.id, True)
            return None
        return app_post(await self._reads.view(await self._reads.stores.apps.get(args[0])))

    async def ps(self, user: UserId, args: tuple[str, ...]) -> Post:
        if not args:
            return instances_post(await self._reads.stores.instances.all())
        app = await self._reads.stores.apps.get(args[0])
        return instances_post(await self._reads.stores.instances.of_app(app.name))

    async def logs(self, user: UserId, args: tuple[str, ...]) -> Post:
        if not args:
            return await self.which("Logs of which app?", Action.APP_LOGS)
        limit = parsed_lines(args[1], _MOST_LINES) if len(args) > 1 else _LINES
        app = await self._reads.stores.apps.get(args[0])
        return _log_post(app.name, await self._reads.logs.read(app.name, limit=limit))

    async def deployment_logs(self, deployment_id: str) -> Post:
        deployment = await self._reads.stores.deployments.get(deployment_id)
        lines = await self._reads.logs.read(deployment.app, deployment=deployment.id, limit=_LINES)
        return _log_post(deployment.app, lines)

    async def which(self, question: str, action: Action) -> Post:
        """Asks with a button for each app."""
        apps = await self._reads.stores.apps.all()
        if not apps:
            raise UserMistake("There are no apps yet.")
        return Post(text=question, buttons=app_buttons(apps, action))


def _log_post(app: str, lines: Sequence[LogLine]) -> Post:
    if not lines:
        return Post(text=f"<b>{escaped(app)}</b> has no log lines yet.")
    title = f"{app}: the last {len(lines)} lines, UTC"
    block, shown = excerpt([log_text(line) for line in lines], MAX_UNITS - units(title) - 50)
    if shown < len(lines):
        title = f"{app}: the last {shown} lines, UTC (more do not fit)"
    return Post(text=f"{escaped(title)}\n{block}")
