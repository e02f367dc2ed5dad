"""Questions that a button answers, for what is hard to take back."""

from collections import deque
from collections.abc import Awaitable, Callable

from actors.bot.button_data import Action, Intent, packed
from actors.bot.post import Post
from deployd.messages.bot import MessageId, Pressed, UserId
from deployd.ports.chat import Button, Buttons

_REMEMBERED_ANSWERS = 200


class Confirmations:
    def __init__(self) -> None:
        self._confirmed: deque[tuple[UserId, MessageId]] = deque(maxlen=_REMEMBERED_ANSWERS)

    async def once(self, press: Pressed, act: Callable[[], Awaitable[str]]) -> Post | None:
        """Acts once for each question, however often its button is pressed; a failed act may be tried again.

        The question turns into what `act` says.
        """
        question = (press.user, press.message)
        if question in self._confirmed:
            return None
        self._confirmed.append(question)
        done = False
        try:
            text = await act()
            done = True
        finally:
            if not done and question in self._confirmed:
                self._confirmed.remove(question)
        return Post(text=text, replaces=press.message)


def yes_no(label: str, yes: Intent) -> Buttons:
    return ((Button(label=label, data=packed(yes)), Button(label="No", data=packed(Intent(action=Action.NOTHING)))),)
