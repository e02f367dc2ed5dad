"""From what an allowed person wrote or pressed to what they are answered."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from actors.bot.answers import Answers, FollowDeployment
from actors.bot.button_data import Action, unpacked
from actors.bot.canary_orders import CanaryOrders
from actors.bot.commands import START, parsed
from actors.bot.confirmations import Confirmations
from actors.bot.door_orders import DoorOrders
from actors.bot.orders import Orders
from actors.bot.post import Post, sentence
from actors.bot.reads import BotReads
from deployd.domain.errors import DeploydError
from deployd.kernel.errors import ActorError
from deployd.kernel.ref import Ref
from deployd.messages.bot import Heard, Pressed, UserId
from deployd.messages.deploy import DeployMessage
from deployd.messages.proxy import ProxyMessage

_AT_ONCE = 8

_VERBS = {
    Action.DEPLOY: ("deploy",),
    Action.STATUS: ("status",),
    Action.APP_LOGS: ("logs",),
    Action.CANCEL: ("cancel",),
    Action.RESTART: ("restart",),
    Action.ASK_ROLLBACK: ("rollback",),
    Action.ASK_STOP: ("stop",),
    Action.CANARY: ("canary",),
    Action.ASK_PROMOTE: ("canary", "promote"),
    Action.ASK_ABORT: ("canary", "abort"),
    Action.MAINTENANCE: ("maintenance",),
    Action.CLOSE: ("maintenance", "on"),
    Action.REOPEN: ("maintenance", "off"),
    Action.PAUSE: ("pause",),
    Action.RESUME: ("resume",),
}
"""The buttons that do what a command does: its verb, and what follows the button's subject."""


class Conversation:
    """Every answer is a Post, or None when a deployment's card is the answer. Errors become their sentence."""

    def __init__(
        self, reads: BotReads, deploy: Ref[DeployMessage], proxy: Ref[ProxyMessage], follow: FollowDeployment
    ) -> None:
        self._answers = Answers(reads, follow)
        self._orders = Orders(reads, deploy, self._answers, follow)
        self._canaries = CanaryOrders(reads, deploy, self._answers, follow)
        self._doors = DoorOrders(reads, deploy, proxy, self._answers)
        self._confirmations = Confirmations()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._commands: dict[str, Callable[[UserId, tuple[str, ...]], Awaitable[Post | None]]] = {
            START: self._answers.help,
            "help": self._answers.help,
            "apps": self._answers.apps,
            "status": self._answers.status,
            "ps": self._answers.ps,
            "logs": self._answers.logs,
            "deploy": self._orders.deploy,
            "restart": self._orders.restart,
            "cancel": self._orders.cancel,
            "rollback": self._orders.rollback,
            "stop": self._orders.stop,
            "canary": self._canaries.canary,
            "maintenance": self._doors.maintenance,
            "pause": self._doors.pause,
            "resume": self._doors.resume,
        }

    async def answer(self, said: Heard | Pressed) -> Post | None:
        try:
            async with self._slots:
                return await (self._heard(said) if isinstance(said, Heard) else self._pressed(said))
        except (DeploydError, ActorError) as error:
            return sentence(str(error))

    async def _heard(self, heard: Heard) -> Post | None:
        command = parsed(heard.text)
        return await self._commands[command.verb](heard.user, command.args)

    async def _pressed(self, press: Pressed) -> Post | None:
        intent = unpacked(press.data)
        match intent.action:
            case Action.NOTHING:
                return Post(text="Nothing was changed.", replaces=press.message)
            case Action.ROLLBACK | Action.STOP:
                return await self._confirmations.once(press, partial(self._orders.act, press.user, intent))
            case Action.PROMOTE | Action.ABORT:
                return await self._confirmations.once(press, partial(self._canaries.act, press.user, intent))
            case Action.DEPLOYMENT_LOGS:
                return await self._answers.deployment_logs(intent.subject)
            case action:
                verb, *more = _VERBS[action]
                return await self._commands[verb](press.user, (intent.subject, *more))
