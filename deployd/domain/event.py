"""A fact, past tense, in one envelope."""

from enum import StrEnum

import msgspec

from deployd.domain.ids import AppName, EventId


class EventType(StrEnum):
    APP_CREATED = "app.created"
    APP_CHANGED = "app.changed"
    APP_REMOVED = "app.removed"
    APP_STOPPED = "app.stopped"
    ENV_CHANGED = "env.changed"
    DEPLOYMENT_MOVED = "deployment.moved"
    DEPLOYMENT_ENDED = "deployment.ended"
    DEPLOYMENT_REVERTED = "deployment.reverted"
    CANARY_BEGUN = "canary.begun"
    CANARY_ABORTED = "canary.aborted"
    CANARY_PROMOTED = "canary.promoted"
    INSTANCE_CRASHED = "instance.crashed"
    TARGET_TAKEN_OUT = "target.taken_out"
    TARGET_TAKEN_BACK = "target.taken_back"
    CERTIFICATE_ISSUED = "certificate.issued"
    CERTIFICATE_FAILED = "certificate.failed"
    CERTIFICATE_EXPIRING = "certificate.expiring"
    CONFIG_APPLIED = "config.applied"
    CONFIG_REFUSED = "config.refused"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """`subject` is the id of what it is about; `correlation` groups all facts of one deployment."""

    id: EventId
    type: EventType
    time_ms: int
    subject: str
    app: AppName | None = None
    correlation: str | None = None
    causation: str | None = None
    data: dict[str, str | int | float | bool | None] = {}
