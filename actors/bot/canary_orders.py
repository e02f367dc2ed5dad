"""Canaries from the chat: begun, looked at, promoted and aborted."""

from actors.bot.answers import Answers, FollowDeployment
from actors.bot.button_data import Action, Intent
from actors.bot.canary_card import RunningCanary, canary_of
from actors.bot.commands import is_release, parsed_percent, parsed_release
from actors.bot.confirmations import yes_no
from actors.bot.orders import ASK_SECONDS, STOP_SECONDS, by
from actors.bot.post import Post, escaped
from actors.bot.reads import BotReads
from deployd.domain.app import App
from deployd.domain.deployment import Trigger
from deployd.domain.edge import CanaryRule
from deployd.domain.errors import StateConflict, UserMistake
from deployd.kernel.ref import Ref
from deployd.messages.bot import UserId
from deployd.messages.deploy import AbortCanary, BeginCanary, DeployMessage, PromoteCanary, RequestDeployment


class CanaryOrders:
    """`canary` is the command with its arguments; `act` does what a question was answered with yes."""

    def __init__(self, reads: BotReads, deploy: Ref[DeployMessage], answers: Answers, follow: FollowDeployment) -> None:
        self._reads = reads
        self._deploy = deploy
        self._answers = answers
        self._follow = follow

    async def canary(self, user: UserId, args: tuple[str, ...]) -> Post | None:
        if not args:
            return await self._answers.which("The canary of which app?", Action.CANARY)
        app = await self._reads.stores.apps.get(args[0])
        match args[1:]:
            case ():
                self._follow(user, (await self._running(app)).deployment, True)
            case (("promote" | "abort") as what,):
                return self._question(app, await self._running(app), what)
            case (("promote" | "abort") as what, *_):
                raise UserMistake(f"That is too much: it is /canary {app.name} {what}.")
            case (percent, *what_of):
                await self._begin(user, app, percent, what_of[0] if what_of else None)
        return None

    async def act(self, user: UserId, intent: Intent) -> str:
        app = await self._reads.stores.apps.get(intent.subject)
        running = await self._running(app)
        name, release = escaped(app.name), running.canary.release
        if release != intent.release:
            raise StateConflict(f"The canary of {app.name!r} is v{release} by now; send /canary {app.name}.")
        if intent.action is Action.ABORT:
            await self._deploy.ask(AbortCanary(app=app.name, by=by(user)), STOP_SECONDS)
            return f"The canary v{release} of <b>{name}</b> is gone; everybody gets v{running.live}."
        promotion = await self._deploy.ask(PromoteCanary(app=app.name, by=by(user)), ASK_SECONDS)
        self._follow(user, promotion.id, False)
        return f"Giving everybody v{release} of <b>{name}</b>."

    async def _running(self, app: App) -> RunningCanary:
        running = canary_of(await self._reads.stores.routes.get(app.name))
        if running is None:
            raise UserMistake(f"App {app.name!r} has no canary; begin one with: /canary {app.name} 5%")
        return running

    async def _begin(self, user: UserId, app: App, percent: str, what: str | None) -> None:
        """`what` is a kept release, or what to build one of."""
        rule = CanaryRule(percent=parsed_percent(percent))
        order: BeginCanary | RequestDeployment
        if what is None or is_release(what):
            release = None if what is None else parsed_release(what)
            order = BeginCanary(app=app.name, by=by(user), rule=rule, release=release)
        else:
            order = RequestDeployment(app=app.name, trigger=Trigger.BOT, by=by(user), ref=what, canary=rule)
        deployment = await self._deploy.ask(order, ASK_SECONDS)
        self._follow(user, deployment.id, False)

    def _question(self, app: App, running: RunningCanary, what: str) -> Post:
        name, release = escaped(app.name), running.canary.release
        if what == "promote":
            yes, label = Action.PROMOTE, f"Promote v{release}"
            text = f"Give everybody v{release} of <b>{name}</b>? Now it is for {escaped(str(running.canary))}."
        else:
            yes, label = Action.ABORT, f"Abort v{release}"
            text = f"Abort the canary v{release} of <b>{name}</b>? Everybody gets v{running.live} then."
        return Post(text=text, buttons=yes_no(label, Intent(action=yes, subject=app.name, release=release)))
