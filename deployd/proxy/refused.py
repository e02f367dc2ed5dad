"""Why a message from the wire is not passed on, and with which status that is said."""


class Refused(Exception):
    """`status` and one sentence for the client; whoever reads the message decides what to close."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
