"""What /apps, /status and /ps say. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from actors.bot.button_data import Action, Intent, packed
from actors.bot.canary_card import canary_of
from actors.bot.excerpt import excerpt
from actors.bot.post import Post, escaped
from deployd.domain.app import App
from deployd.domain.app_state import DeploymentState, serving_of, state_of, traffic_of
from deployd.domain.deployment import Deployment, Outcome
from deployd.domain.instance import Instance
from deployd.domain.route import Route
from deployd.ports.chat import Button, Buttons
from deployd.settings.declared import Owner

MAX_APP_BUTTONS = 40
_MAX_APPS = 60
_MAX_BROKEN = 5
_BUTTONS_IN_ROW = 3
_TOLD = {
    Outcome.FAILED: "failed",
    Outcome.REVERTED: "was taken back",
    Outcome.INTERRUPTED: "was interrupted",
}


class AppLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one line tells of an app."""

    app: App
    route: Route | None
    latest: Deployment | None
    paused: bool = False


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """`broken` names the apps whose rows cannot be read, each with the reason."""

    apps: tuple[AppLine, ...]
    broken: Mapping[str, str] = {}


class AppView(msgspec.Struct, frozen=True, kw_only=True):
    """All that is shown of one app; `deployments` newest first."""

    line: AppLine
    deployments: tuple[Deployment, ...]
    instances: tuple[Instance, ...]
    urls: tuple[str, ...]
    owner: Owner = Owner.API
    drift: tuple[str, ...] = ()


def apps_post(overview: Overview) -> Post:
    broken = [f"⚠️ <b>{escaped(name)}</b> is broken: {escaped(why)}" for name, why in overview.broken.items()]
    if not overview.apps and not broken:
        return Post(text="There are no apps yet: add one in deployd.toml, with the command line or over the API.")
    lines = [*broken[:_MAX_BROKEN], *(_headline(line) for line in overview.apps[:_MAX_APPS])]
    more = len(overview.apps) + len(broken) - len(lines)
    lines += [f"and {more} more"] if more else []
    return Post(text="\n".join(lines), buttons=app_buttons([line.app for line in overview.apps], Action.STATUS))


def app_post(view: AppView) -> Post:
    app = view.line.app
    lines = [_headline(view.line)]
    lines += [f"Visitors read: {escaped(app.maintenance)}"] if app.maintenance else []
    lines += ["Its settings are those of deployd.toml."] if view.owner is Owner.FILE else []
    lines += [f"⚠️ Drift: {escaped(sentence)}" for sentence in view.drift]
    lines += [escaped(url) for url in view.urls]
    lines += [f"• {escaped(_instance(instance))}" for instance in view.instances[:20]]
    if view.deployments:
        lines += ["", "Last deployments:"]
        traffic = traffic_of(app, view.line.route)
        lines += [escaped(_deployment(one, state_of(one, *traffic))) for one in view.deployments]
    return Post(text="\n".join(lines), buttons=_app_actions(view))


def instances_post(instances: Sequence[Instance]) -> Post:
    if not instances:
        return Post(text="No instance is running.")
    block, shown = excerpt([f"{one.app}  {_instance(one)}" for one in reversed(instances)], 3500)
    more = f"\nand {len(instances) - shown} more" if shown < len(instances) else ""
    return Post(text=block + more)


def app_buttons(apps: Sequence[App], action: Action) -> Buttons:
    """One button for each of the first apps, a few in a row."""
    keys = [Button(label=app.name, data=packed(Intent(action=action, subject=app.name))) for app in apps]
    shown = keys[:MAX_APP_BUTTONS]
    return tuple(tuple(shown[i : i + _BUTTONS_IN_ROW]) for i in range(0, len(shown), _BUTTONS_IN_ROW))


def _headline(line: AppLine) -> str:
    mark = "🚧 " if line.app.maintenance else "⏸ " if line.paused else ""
    return f"{mark}<b>{escaped(line.app.name)}</b>: {escaped(_state(line))}"


def _state(line: AppLine) -> str:
    """What people get when they open the app, and what was tried last."""
    newest = line.latest
    state = serving_of(line.app, line.route, paused=line.paused).words
    if newest is not None and not newest.ended:
        return f"{state}; a deployment is {newest.stage}"
    if newest is not None and newest.outcome in _TOLD:
        return f"{state}; the last deployment {_TOLD[newest.outcome]}"
    return state


def _instance(instance: Instance) -> str:
    restarts = f", restarted {instance.restarts} times" if instance.restarts else ""
    return f"{instance.process} v{instance.release} {instance.state}{restarts}"


def _deployment(deployment: Deployment, state: DeploymentState) -> str:
    stamp = datetime.fromtimestamp(deployment.requested_ms / 1000, UTC).strftime("%d %b %H:%M")
    release = f"v{deployment.release} " if deployment.release is not None else ""
    commit = f" {deployment.commit[:7]}" if deployment.commit else ""
    return f"{stamp} UTC  {release}{deployment.stage if state is DeploymentState.RUNNING else state}{commit}"


def _app_actions(view: AppView) -> Buttons:
    name = view.line.app.name
    logs = Button(label="Logs", data=packed(Intent(action=Action.APP_LOGS, subject=name)))
    openers = tuple(Button(label="Open", url=url) for url in view.urls[:1])
    if view.line.app.settings.upstreams:
        return ((*openers, logs), *_passing(view))
    deploy = Button(label="Deploy", data=packed(Intent(action=Action.DEPLOY, subject=name)))
    back = Button(label="Roll back", data=packed(Intent(action=Action.ASK_ROLLBACK, subject=name)))
    restart = Button(label="Restart", data=packed(Intent(action=Action.RESTART, subject=name)))
    stop = Button(label="Stop", data=packed(Intent(action=Action.ASK_STOP, subject=name)))
    return ((*openers, logs), (deploy, back), (restart, stop), *_passing(view))


def _passing(view: AppView) -> Buttons:
    """For what is not meant to last."""
    name = view.line.app.name
    canary = Button(label="Canary", data=packed(Intent(action=Action.CANARY, subject=name)))
    reopen = Button(label="Open to visitors", data=packed(Intent(action=Action.REOPEN, subject=name)))
    row = (*((canary,) if canary_of(view.line.route) else ()), *((reopen,) if view.line.app.maintenance else ()))
    return (row,) if row else ()
