"""What can go wrong between actors, apart from what the actors themselves refuse."""


class ActorError(Exception):
    """Base of the kernel's errors; `str(error)` names the actor."""


class AskTimeout(ActorError):
    """No reply in time: a request still in line is dropped, one in hand may yet be done."""


class ActorStopped(ActorError):
    """Nobody will answer: the actor is stopped or parked, or it crashed on the way (`__cause__` says how)."""


class MailboxFull(ActorError):
    """The actor has more to do than it may keep in line: try again later."""


class UnknownActor(ActorError):
    """The supervisor has no child of that name."""


class Escalated(ActorError):
    """A child that the rest cannot do without failed too often (`__cause__` is its last failure)."""


def stopped(actor: str, cause: BaseException | None = None) -> ActorStopped:
    """The error for an asker that nobody will answer any more."""
    if cause is None:
        return ActorStopped(f"{actor} is stopped.")
    error = ActorStopped(f"{actor} failed before it answered: {type(cause).__name__}: {cause}")
    error.__cause__ = cause
    return error
