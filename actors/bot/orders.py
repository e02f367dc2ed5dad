"""What the bot has done for people: every change is asked of DeployActor."""

from collections.abc import Sequence

from actors.bot.answers import DEPLOYMENT_PREFIX, Answers, FollowDeployment
from actors.bot.button_data import Action, Intent, packed
from actors.bot.commands import parsed_release
from actors.bot.confirmations import yes_no
from actors.bot.post import Post, escaped, sentence
from actors.bot.reads import BotReads
from deployd.domain.deployment import Deployment, Trigger
from deployd.kernel.ref import Ref
from deployd.messages.bot import UserId
from deployd.messages.deploy import CancelDeployment, DeployMessage, RequestDeployment, RestartApp, RollBack, StopApp
from deployd.ports.chat import Button, Buttons

ASK_SECONDS = 30.0
STOP_SECONDS = 90.0


class Orders:
    """Each of the first methods is a command with its arguments; what is hard to take back asks first.

    `act` does what a question was answered with yes.
    """

    def __init__(self, reads: BotReads, deploy: Ref[DeployMessage], answers: Answers, follow: FollowDeployment) -> None:
        self._reads = reads
        self._deploy = deploy
        self._answers = answers
        self._follow = follow

    async def deploy(self, user: UserId, args: tuple[str, ...]) -> Post | None:
        if not args:
            return await self._answers.which("Deploy which app?", Action.DEPLOY)
        ref = args[1] if len(args) > 1 else None
        order = RequestDeployment(app=args[0], trigger=Trigger.BOT, by=by(user), ref=ref)
        self._followed(user, await self._deploy.ask(order, ASK_SECONDS))
        return None

    async def restart(self, user: UserId, args: tuple[str, ...]) -> Post | None:
        if not args:
            return await self._answers.which("Restart which app?", Action.RESTART)
        order = RestartApp(app=args[0], trigger=Trigger.BOT, by=by(user))
        self._followed(user, await self._deploy.ask(order, ASK_SECONDS))
        return None

    async def cancel(self, user: UserId, args: tuple[str, ...]) -> Post | None:
        if args and args[0].startswith(DEPLOYMENT_PREFIX):
            await self._cancel_one(user, args[0])
            return None
        app = await self._reads.stores.apps.get(args[0]) if args else None
        chosen = await self._reads.stores.deployments.unfinished(app.name if app is not None else None)
        if not chosen:
            return sentence(f"No deployment of {app.name} is under way." if app else "No deployment is under way.")
        if len(chosen) > 1:
            return Post(text="Cancel which deployment?", buttons=_cancel_buttons(chosen))
        await self._cancel_one(user, chosen[0].id)
        return None

    async def rollback(self, user: UserId, args: tuple[str, ...]) -> Post:
        if not args:
            return await self._answers.which("Roll back which app?", Action.ASK_ROLLBACK)
        app = await self._reads.stores.apps.get(args[0])
        wanted = parsed_release(args[1]) if len(args) > 1 else None
        serving, target = await self._reads.rollback_target(app, wanted)
        yes = Intent(action=Action.ROLLBACK, subject=app.name, release=target)
        question = f"Roll <b>{escaped(app.name)}</b> back from v{serving} to v{target}?"
        return Post(text=question, buttons=yes_no(f"Roll back to v{target}", yes))

    async def stop(self, user: UserId, args: tuple[str, ...]) -> Post:
        if not args:
            return await self._answers.which("Stop which app?", Action.ASK_STOP)
        app = await self._reads.stores.apps.get(args[0])
        question = f"Stop <b>{escaped(app.name)}</b>? Its addresses answer 503 until the next deployment."
        return Post(text=question, buttons=yes_no("Stop it", Intent(action=Action.STOP, subject=app.name)))

    async def act(self, user: UserId, intent: Intent) -> str:
        app = escaped(intent.subject)
        if intent.action is Action.STOP:
            await self._deploy.ask(StopApp(app=intent.subject, by=by(user)), STOP_SECONDS)
            return f"<b>{app}</b> is stopped."
        order = RollBack(app=intent.subject, trigger=Trigger.BOT, by=by(user), release=intent.release)
        self._followed(user, await self._deploy.ask(order, ASK_SECONDS))
        return f"Rolling <b>{app}</b> back to v{intent.release}."

    async def _cancel_one(self, user: UserId, deployment: str) -> None:
        self._followed(user, await self._deploy.ask(CancelDeployment(deployment=deployment), ASK_SECONDS))

    def _followed(self, user: UserId, deployment: Deployment) -> None:
        self._follow(user, deployment.id, False)


def by(user: UserId) -> str:
    """Who asked for it, as it is written down."""
    return f"telegram:{user}"


def _cancel_buttons(deployments: Sequence[Deployment]) -> Buttons:
    intents = [(one, Intent(action=Action.CANCEL, subject=one.id)) for one in deployments[:20]]
    return tuple((Button(label=f"{one.app}: {one.stage}", data=packed(intent)),) for one, intent in intents)
