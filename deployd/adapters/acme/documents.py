"""What an ACME authority says about orders and authorizations (RFC 8555 section 7.1)."""

from datetime import datetime

import msgspec


class Complaint(msgspec.Struct, frozen=True):
    type: str = ""
    detail: str = ""


class OrderDocument(msgspec.Struct, frozen=True):
    status: str
    finalize: str
    authorizations: tuple[str, ...]
    certificate: str | None = None
    error: Complaint | None = None


class ChallengeDocument(msgspec.Struct, frozen=True):
    type: str
    url: str
    token: str = ""
    status: str = "pending"
    error: Complaint | None = None


class Identifier(msgspec.Struct, frozen=True):
    type: str
    value: str


class AuthorizationDocument(msgspec.Struct, frozen=True):
    identifier: Identifier
    status: str
    challenges: tuple[ChallengeDocument, ...] = ()

    def complaint(self) -> str:
        found = (one.error.detail for one in self.challenges if one.error is not None and one.error.detail)
        return next(found, f"the proof for {self.identifier.value} was {self.status}")


class SuggestedWindow(msgspec.Struct, frozen=True):
    start: datetime
    end: datetime


class RenewalDocument(msgspec.Struct, frozen=True, rename="camel"):
    suggested_window: SuggestedWindow
