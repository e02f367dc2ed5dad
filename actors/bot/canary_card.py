"""How a canary does beside the live release, as a card shows it. Pure."""

import msgspec

from actors.bot.button_data import Action, Intent, packed
from actors.bot.post import Post, escaped
from deployd.domain.canary_verdict import Traffic
from deployd.domain.edge import Canary
from deployd.domain.event import Event
from deployd.domain.ids import DeploymentId
from deployd.domain.route import Route
from deployd.ports.chat import Button, Buttons

_STALE_SHARE = 20
_LONGEST_LOOK_SECONDS = 300.0


class RunningCanary(msgspec.Struct, frozen=True, kw_only=True):
    """`deployment` began it, `live` is the release of the others; `traffic` is None while the proxy does not say."""

    canary: Canary
    deployment: DeploymentId
    live: int
    traffic: Traffic | None = None


def canary_of(route: Route | None) -> RunningCanary | None:
    if route is None or route.canary is None:
        return None
    begun = route.canary
    return RunningCanary(canary=begun.canary, deployment=begun.deployment, live=route.release or 0)


def comparison(running: RunningCanary) -> str:
    """A table that is no wider than a phone."""
    traffic = running.traffic
    if traffic is None or traffic.live is None or traffic.canary is None:
        return f"For {escaped(str(running.canary))}; its figures are not known yet."
    sides = (traffic.live, traffic.canary)
    everything = sum(side.requests for side in sides)
    rows = [
        ("", *(f"v{side.release}" for side in sides)),
        ("", "live", "canary"),
        ("share", *(_percent(side.requests / everything if everything else 0.0) for side in sides)),
        ("requests", *(f"{side.requests:,}" for side in sides)),
        ("errors", *(f"{side.errors:,}" for side in sides)),
        ("", *(_percent(side.share) for side in sides)),
        ("p95", *(side.p95 for side in sides)),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{name:<{widths[0]}}  {live:>{widths[1]}}  {canary:>{widths[2]}}" for name, live, canary in rows]
    return f"For {escaped(str(running.canary))}.\n<pre>{chr(10).join(lines)}</pre>"


def canary_buttons(app: str, deployment: DeploymentId) -> Buttons:
    promote = Button(label="Promote", data=packed(Intent(action=Action.ASK_PROMOTE, subject=app)))
    abort = Button(label="Abort", data=packed(Intent(action=Action.ASK_ABORT, subject=app)))
    logs = Button(label="Logs", data=packed(Intent(action=Action.DEPLOYMENT_LOGS, subject=deployment)))
    return ((promote, abort), (logs,))


def look_again_seconds(age_seconds: float) -> float:
    """Figures are never older than a twentieth of the canary's age, or five minutes."""
    return min(_LONGEST_LOOK_SECONDS, max(0.0, age_seconds) / _STALE_SHARE)


def aborted_post(event: Event) -> Post:
    """Of one that nobody asked to abort."""
    app, release = event.app or "", event.data.get("release")
    logs = Button(label="Logs", data=packed(Intent(action=Action.DEPLOYMENT_LOGS, subject=event.subject)))
    text = f"🐤 <b>{escaped(app)}</b>: the canary v{release} was aborted by itself; everybody gets the live release."
    return Post(text=f"{text}\n{escaped(str(event.data.get('reason') or ''))}".rstrip(), buttons=((logs,),))


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"
