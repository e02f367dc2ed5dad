"""The one message that follows a deployment from queued to its outcome. Pure."""

from collections.abc import Sequence

from actors.bot.button_data import Action, Intent, packed
from actors.bot.canary_card import RunningCanary, canary_buttons, comparison, look_again_seconds
from actors.bot.post import Post, escaped
from deployd.domain.deployment import Deployment, Outcome, Stage, StageEntry, stage_seconds
from deployd.ports.chat import Button, Buttons

_MARKS = {
    Outcome.LIVE: "✅",
    Outcome.CANARY: "🐤",
    Outcome.REVERTED: "↩️",
    Outcome.FAILED: "❌",
    Outcome.CANCELLED: "🚫",
    Outcome.SUPERSEDED: "⏭",
    Outcome.INTERRUPTED: "⚠️",
}
_LONGEST_REASON = 1500
_LONGEST_SUBJECT = 120


def deployment_card(
    deployment: Deployment,
    journal: Sequence[StageEntry],
    now_ms: int,
    url: str | None,
    canary: RunningCanary | None = None,
) -> Post:
    """`url` is where the app is served; the card shows it once the deployment is live.

    `canary` is the one that runs since this deployment.
    """
    live = deployment.outcome is Outcome.LIVE
    blocks = [
        _headline(deployment, journal, now_ms),
        _origin(deployment),
        _stages(deployment, journal, now_ms),
        _reason(deployment),
        f"<i>{escaped(str(deployment.switch))}</i>" if live and deployment.switch is not None else "",
        escaped(url) if live and url else "",
        _canary(deployment, canary),
    ]
    text = "\n".join(block for block in blocks if block)
    if canary is None:
        return Post(text=text, buttons=_buttons(deployment, url if live else None))
    age = (now_ms - (deployment.ended_ms or now_ms)) / 1000
    buttons = canary_buttons(deployment.app, deployment.id)
    return Post(text=text, buttons=buttons, again_seconds=look_again_seconds(age))


def deployment_taken_back(deployment: Deployment) -> Post:
    """A message of its own: an edit of the card would make no sound."""
    release = f" v{deployment.release}" if deployment.release is not None else ""
    headline = f"{_MARKS[Outcome.REVERTED]} <b>{escaped(deployment.app)}</b>{release} lost the traffic again."
    logs = Button(label="Logs", data=packed(Intent(action=Action.DEPLOYMENT_LOGS, subject=deployment.id)))
    return Post(text=f"{headline}\n{_reason(deployment)}".rstrip(), buttons=((logs,),))


def _headline(deployment: Deployment, journal: Sequence[StageEntry], now_ms: int) -> str:
    app = f"<b>{escaped(deployment.app)}</b>"
    release = f" v{deployment.release}" if deployment.release is not None else ""
    if deployment.outcome is None:
        return f"⏳ {app}{release}: {deployment.stage}"
    ended_ms = deployment.ended_ms or now_ms
    seconds = max(0.0, (ended_ms - deployment.requested_ms) / 1000)
    where = f" while {stage}" if deployment.outcome is Outcome.FAILED and (stage := _last_stage(journal)) else ""
    return f"{_MARKS[deployment.outcome]} {app}{release}: {deployment.outcome}{where} after {_duration(seconds)}"


def _last_stage(journal: Sequence[StageEntry]) -> Stage | None:
    stages = [entry.stage for entry in journal if entry.stage is not Stage.ENDED]
    return stages[-1] if stages else None


def _origin(deployment: Deployment) -> str:
    """`main at 1a2b3c4: Fix the cart`, then who asked for it."""
    what = escaped(deployment.ref) if deployment.ref else ""
    if deployment.commit:
        what = f"{what} at {deployment.commit[:7]}" if what else deployment.commit[:7]
    subject = (deployment.commit_message or "").strip().partition("\n")[0][:_LONGEST_SUBJECT]
    if subject:
        what = f"{what}: {escaped(subject)}" if what else escaped(subject)
    kind = "" if deployment.builds else f"{deployment.trigger} "
    return "\n".join(line for line in (what, f"{kind}by {escaped(deployment.by)}") if line)


def _stages(deployment: Deployment, journal: Sequence[StageEntry], now_ms: int) -> str:
    passed = stage_seconds(list(journal), now_ms) if journal else {}
    shown = [f"{stage} {_duration(seconds)}" for stage, seconds in passed.items() if stage is not Stage.QUEUED]
    if not shown:
        return ""
    if deployment.ended:
        return "<i>" + " · ".join(shown) + "</i>"
    # The time of the stage under way would stand still, since nothing edits the card before the next one.
    done = [f"✓ {text}" for text in shown[:-1]]
    return "\n".join([*done, f"▸ {deployment.stage}"])


def _canary(deployment: Deployment, canary: RunningCanary | None) -> str:
    if canary is not None:
        return comparison(canary)
    return "It is not running any more." if deployment.outcome is Outcome.CANARY else ""


def _reason(deployment: Deployment) -> str:
    reason = (deployment.reason or "").strip()
    return escaped(reason if len(reason) <= _LONGEST_REASON else reason[: _LONGEST_REASON - 1] + "…")


def _buttons(deployment: Deployment, url: str | None) -> Buttons:
    logs = Button(label="Logs", data=packed(Intent(action=Action.DEPLOYMENT_LOGS, subject=deployment.id)))
    if deployment.outcome is None:
        cancel = Button(label="Cancel", data=packed(Intent(action=Action.CANCEL, subject=deployment.id)))
        return ((cancel, logs),)
    row = [logs]
    if deployment.outcome in (Outcome.LIVE, Outcome.FAILED):
        row.append(Button(label="Roll back", data=packed(Intent(action=Action.ASK_ROLLBACK, subject=deployment.app))))
    if url is not None:
        row.insert(0, Button(label="Open", url=url))
    return (tuple(row),)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
