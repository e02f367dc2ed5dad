"""What ProxyActor can be told."""

from deployd.domain.canary_verdict import Traffic
from deployd.domain.deployment import SwitchReport
from deployd.domain.ids import AppName
from deployd.domain.route import HoldReport, Route
from deployd.kernel.message import Message, Request


class SwitchTraffic(Request[None], frozen=True, kw_only=True):
    """Route new requests by `route` from now on, in one snapshot swap; old targets finish what they have.

    UserMistake when another app serves one of the hosts.
    """

    route: Route


class AnnounceApp(Message, frozen=True, kw_only=True):
    """The app exists and was never deployed: its visitors read `closed_because`. This is no route, and is not stored.

    Hosts that another app still has are left out.
    """

    route: Route


class DrainTargets(Request[SwitchReport], frozen=True, kw_only=True):
    """Answered when no request is left on the app's former targets, or `drain_seconds` after which they are cut."""

    app: AppName
    drain_seconds: float


class RemoveRoute(Request[None], frozen=True, kw_only=True):
    """Forget the app: its hosts answer 404."""

    app: AppName


class PauseTraffic(Request[None], frozen=True, kw_only=True):
    """Let the app's requests wait until ResumeTraffic, or for `seconds`. StateConflict when it has no route."""

    app: AppName
    seconds: float


class ResumeTraffic(Request[HoldReport], frozen=True, kw_only=True):
    """Let what waits go on, in the order it came. StateConflict when there is no pause."""

    app: AppName


class AskTraffic(Request[Traffic], frozen=True, kw_only=True):
    """What the app's releases did lately, as the proxy counted. StateConflict when it has no route."""

    app: AppName


ProxyMessage = SwitchTraffic | AnnounceApp | DrainTargets | RemoveRoute | PauseTraffic | ResumeTraffic | AskTraffic
