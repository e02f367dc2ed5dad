"""What visitors meet instead of an app: a maintenance page, or a moment's wait."""

from actors.bot.answers import Answers
from actors.bot.button_data import Action, Intent, packed
from actors.bot.commands import parsed_pause
from actors.bot.orders import ASK_SECONDS, by
from actors.bot.post import Post, escaped
from actors.bot.reads import BotReads
from deployd.domain.app import MAINTENANCE_TEXT, App
from deployd.domain.errors import UserMistake
from deployd.kernel.ref import Ref
from deployd.messages.bot import UserId
from deployd.messages.deploy import DeployMessage, SetMaintenance
from deployd.messages.proxy import PauseTraffic, ProxyMessage, ResumeTraffic
from deployd.ports.chat import Button

_ON, _OFF = "on", "off"
_LONGEST_PAUSE_SECONDS = 30.0


class DoorOrders:
    """Each method is a command with its arguments."""

    def __init__(self, reads: BotReads, deploy: Ref[DeployMessage], proxy: Ref[ProxyMessage], answers: Answers) -> None:
        self._reads = reads
        self._deploy = deploy
        self._proxy = proxy
        self._answers = answers

    async def maintenance(self, user: UserId, args: tuple[str, ...]) -> Post:
        if not args:
            return await self._answers.which("Maintenance of which app?", Action.MAINTENANCE)
        app = await self._reads.stores.apps.get(args[0])
        if len(args) == 1:
            return maintenance_post(app)
        switch, text = args[1].lower(), args[2] if len(args) > 2 else None
        if switch not in (_ON, _OFF) or (switch == _OFF and text is not None):
            raise UserMistake(f"It is /maintenance {app.name} on, with what visitors shall read behind it, or off.")
        shown = None if switch == _OFF else text or MAINTENANCE_TEXT
        order = SetMaintenance(app=app.name, text=shown, by=by(user))
        return maintenance_post(await self._deploy.ask(order, ASK_SECONDS))

    async def pause(self, user: UserId, args: tuple[str, ...]) -> Post:
        if not args:
            return await self._answers.which("Pause which app?", Action.PAUSE)
        app = await self._reads.stores.apps.get(args[0])
        seconds = parsed_pause(args[1], _LONGEST_PAUSE_SECONDS) if len(args) > 1 else _LONGEST_PAUSE_SECONDS
        await self._proxy.ask(PauseTraffic(app=app.name, seconds=seconds), ASK_SECONDS)
        resume = Button(label="Resume", data=packed(Intent(action=Action.RESUME, subject=app.name)))
        return Post(
            text=f"⏸ Requests for <b>{escaped(app.name)}</b> wait for up to {seconds:g} s.", buttons=((resume,),)
        )

    async def resume(self, user: UserId, args: tuple[str, ...]) -> Post:
        if not args:
            return await self._answers.which("Resume which app?", Action.RESUME)
        app = await self._reads.stores.apps.get(args[0])
        held = await self._proxy.ask(ResumeTraffic(app=app.name), ASK_SECONDS)
        name = escaped(app.name)
        if not held.held:
            return Post(text=f"▶️ <b>{name}</b> goes on; no request had to wait.")
        count = "1 request goes" if held.held == 1 else f"{held.held:,} requests go"
        return Post(text=f"▶️ {count} on to <b>{name}</b>; the longest wait was {held.longest_seconds:.1f} s.")


def maintenance_post(app: App) -> Post:
    name = escaped(app.name)
    if app.maintenance is None:
        begin = Button(label="Close to visitors", data=packed(Intent(action=Action.CLOSE, subject=app.name)))
        return Post(text=f"<b>{name}</b> is open to visitors.", buttons=((begin,),))
    end = Button(label="Open to visitors", data=packed(Intent(action=Action.REOPEN, subject=app.name)))
    return Post(
        text=f"🚧 <b>{name}</b> is in maintenance; visitors read: {escaped(app.maintenance)}", buttons=((end,),)
    )
