"""The errors a reader can do something about, each answering what to do."""

_LONGEST = 300


class DeploydError(Exception):
    """Base of every expected failure; `str(error)` is one sentence fit for a person."""


def unexpected(doing: str, error: BaseException) -> str:
    """For whoever waits for a work that ran into a fault of deployd."""
    what = " ".join(f"{type(error).__name__}: {error}".split())
    shown = what if len(what) <= _LONGEST else f"{what[: _LONGEST - 1]}…"
    return f"deployd failed at {doing} ({shown}): that is a fault in deployd, whose own log has the details; report it."


class UserMistake(DeploydError):
    """The input was refused: show the text."""


class NotFound(UserMistake):
    """The thing named does not exist: show the text."""


class StateConflict(DeploydError):
    """The row moved meanwhile or the action does not fit its state: read again, then decide."""


class BrokenRow(StateConflict):
    """What is stored cannot be read, so it is as good as gone until it is repaired or removed: show the text."""


class BuildFailed(DeploydError):
    """The repository could not be fetched or built: show the text and the build log."""


class StartFailed(DeploydError):
    """The new release did not come up: show the text and the app's log."""


class ProviderUnavailable(DeploydError):
    """Something outside did not answer in time: try again later, and not before the time it named, if it did."""

    def __init__(self, text: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_seconds = retry_after_seconds


class StoreUnusable(DeploydError):
    """The database is corrupted or newer than this program: stop and show the text."""
