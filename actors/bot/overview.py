"""What /apps, /status and /ps say. Pure."""

from collections.abc import Sequence
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

MAX_APP_BUTTONS = 40
_MAX_APPS = 60
_BUTTONS_IN_ROW = 3
_TOLD = {
    Outcome.FAILED: "failed",
    Outcome.REVERTED: "was taken back",
    Outcome.INTERRUPTED: "was interrupted",
}


class AppView(msgspec.Struct, frozen=True, kw_only=True):
    """All that is shown of one app; `deployments` newest first."""

    app: App
    route: Route | None
    deployments: tuple[Deployment, ...]
    instances: tuple[Instance, ...]
    urls: tuple[str, ...]


def apps_post(views: Sequence[AppView]) -> Post:
    if not views:
        return Post(text="There are no apps yet: add one in deployd.toml, with the command line or over the API.")
    lines = [_headline(view) for view in views[:_MAX_APPS]]
    if len(views) > _MAX_APPS:
        lines.append(f"and {len(views) - _MAX_APPS} more")
    return Post(text="\n".join(lines), buttons=app_buttons([view.app for view in views], Action.STATUS))


def app_post(view: AppView) -> Post:
    lines = [_headline(view)]
    lines += [f"Visitors read: {escaped(view.app.maintenance)}"] if view.app.maintenance else []
    lines += [escaped(url) for url in view.urls]
    lines += [f"• {escaped(_instance(instance))}" for instance in view.instances[:20]]
    if view.deployments:
        lines += ["", "Last deployments:"]
        traffic = traffic_of(view.app, view.route)
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


def _headline(view: AppView) -> str:
    mark = "🚧 " if view.app.maintenance else ""
    return f"{mark}<b>{escaped(view.app.name)}</b>: {escaped(_state(view))}"


def _state(view: AppView) -> str:
    """What people get when they open the app, and what was tried last."""
    newest = view.deployments[0] if view.deployments else None
    state = serving_of(view.app, view.route).words
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
    name = view.app.name
    logs = Button(label="Logs", data=packed(Intent(action=Action.APP_LOGS, subject=name)))
    openers = tuple(Button(label="Open", url=url) for url in view.urls[:1])
    if view.app.settings.upstreams:
        return ((*openers, logs), *_passing(view))
    deploy = Button(label="Deploy", data=packed(Intent(action=Action.DEPLOY, subject=name)))
    back = Button(label="Roll back", data=packed(Intent(action=Action.ASK_ROLLBACK, subject=name)))
    restart = Button(label="Restart", data=packed(Intent(action=Action.RESTART, subject=name)))
    stop = Button(label="Stop", data=packed(Intent(action=Action.ASK_STOP, subject=name)))
    return ((*openers, logs), (deploy, back), (restart, stop), *_passing(view))


def _passing(view: AppView) -> Buttons:
    """For what is not meant to last."""
    name = view.app.name
    canary = Button(label="Canary", data=packed(Intent(action=Action.CANARY, subject=name)))
    reopen = Button(label="Open to visitors", data=packed(Intent(action=Action.REOPEN, subject=name)))
    row = (*((canary,) if canary_of(view.route) else ()), *((reopen,) if view.app.maintenance else ()))
    return (row,) if row else ()
