"""What the bot has done for people: every change is asked of DeployActor."""

from collections import deque
from collections.abc import Sequence

from actors.bot.answers import DEPLOYMENT_PREFIX, Answers, FollowDeployment
from actors.bot.button_data import Action, Intent, packed
from actors.bot.commands import parsed_release
from actors.bot.post import Post, escaped, sentence
from actors.bot.reads import BotReads
from deployd.domain.deployment import Deployment, Trigger
from deployd.kernel.ref import Ref
from deployd.messages.bot import MessageId, Pressed, UserId
from deployd.messages.deploy import CancelDeployment, DeployMessage, RequestDeployment, RestartApp, RollBack, StopApp
from deployd.ports.chat import Button, Buttons

ASK_SECONDS = 30.0
STOP_SECONDS = 90.0
_REMEMBERED_ANSWERS = 200


class Orders:
    """Each of the first methods is a command with its arguments; what is hard to take back is confirmed by a button."""

    def __init__(self, reads: BotReads, deploy: Ref[DeployMessage], answers: Answers, follow: FollowDeployment) -> None:
        self._reads = reads
        self._deploy = deploy
        self._answers = answers
        self._follow = follow
        self._confirmed: deque[tuple[UserId, MessageId]] = deque(maxlen=_REMEMBERED_ANSWERS)

    async def deploy(self, user: UserId, args: tuple[str, ...]) -> Post | None:
        if not args:
            return await self._answers.which("Deploy which app?", Action.DEPLOY)
        ref = args[1] if len(args) > 1 else None
        order = RequestDeployment(app=args[0], trigger=Trigger.BOT, by=_by(user), ref=ref)
        self._followed(user, await self._deploy.ask(order, ASK_SECONDS))
        return None

    async def restart(self, user: UserId, args: tuple[str, ...]) -> Post | None:
        if not args:
            return await self._answers.which("Restart which app?", Action.RESTART)
        order = RestartApp(app=args[0], trigger=Trigger.BOT, by=_by(user))
        self._followed(user, await self._deploy.ask(order, ASK_SECONDS))
        return None

    async def cancel(self, user: UserId, args: tuple[str, ...]) -> Post | None:
        if args and args[0].startswith(DEPLOYMENT_PREFIX):
            await self._cancel_one(user, args[0])
            return None
        app = await self._reads.stores.apps.get(args[0]) if args else None
        unfinished = await self._reads.stores.deployments.unfinished()
        chosen = [one for one in unfinished if app is None or one.app == app.name]
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
        return Post(text=question, buttons=_yes_no(f"Roll back to v{target}", yes))

    async def stop(self, user: UserId, args: tuple[str, ...]) -> Post:
        if not args:
            return await self._answers.which("Stop which app?", Action.ASK_STOP)
        app = await self._reads.stores.apps.get(args[0])
        question = f"Stop <b>{escaped(app.name)}</b>? Its addresses answer 503 until the next deployment."
        return Post(text=question, buttons=_yes_no("Stop it", Intent(action=Action.STOP, subject=app.name)))

    async def confirmed(self, press: Pressed, intent: Intent) -> Post | None:
        """Acts once for each question, however often its button is pressed; a failed act may be tried again."""
        question = (press.user, press.message)
        if question in self._confirmed:
            return None
        self._confirmed.append(question)
        done = False
        try:
            text = await self._act(press.user, intent)
            done = True
        finally:
            if not done and question in self._confirmed:
                self._confirmed.remove(question)
        return Post(text=text, replaces=press.message)

    async def _act(self, user: UserId, intent: Intent) -> str:
        app = escaped(intent.subject)
        if intent.action is Action.STOP:
            await self._deploy.ask(StopApp(app=intent.subject, by=_by(user)), STOP_SECONDS)
            return f"<b>{app}</b> is stopped."
        order = RollBack(app=intent.subject, trigger=Trigger.BOT, by=_by(user), release=intent.release)
        self._followed(user, await self._deploy.ask(order, ASK_SECONDS))
        return f"Rolling <b>{app}</b> back to v{intent.release}."

    async def _cancel_one(self, user: UserId, deployment: str) -> None:
        self._followed(user, await self._deploy.ask(CancelDeployment(deployment=deployment), ASK_SECONDS))

    def _followed(self, user: UserId, deployment: Deployment) -> None:
        self._follow(user, deployment.id, False)


def _by(user: UserId) -> str:
    return f"telegram:{user}"


def _yes_no(label: str, yes: Intent) -> Buttons:
    return ((Button(label=label, data=packed(yes)), Button(label="No", data=packed(Intent(action=Action.NOTHING)))),)


def _cancel_buttons(deployments: Sequence[Deployment]) -> Buttons:
    intents = [(one, Intent(action=Action.CANCEL, subject=one.id)) for one in deployments[:20]]
    return tuple((Button(label=f"{one.app}: {one.stage}", data=packed(intent)),) for one, intent in intents)
