"""When a change of a setting takes effect."""

from deployd.domain.setting import ANY, Key

WAITS_FOR = {"env": "restart", "processes": "restart", "limits": "restart", "commands": "deploy", "build": "deploy"}
"""What is applied to an app's next processes or next build, so that an edit alone never interrupts it: the command."""

_DEPLOYED = ("repo", "branch")


def effect(key: Key, *, by_file: bool = True) -> str:
    """`by_file`: deployd.toml is changed; otherwise it is a setting of an app that was made by command."""
    match key:
        case ("apps", app, str(field), *_) if field in WAITS_FOR:
            when = "start" if WAITS_FOR[field] == "restart" else "deployment"
            return f"with the app's next {when}: deployd {WAITS_FOR[field]} {_named(app)}"
        case ("apps", app, str(field), *_) if field in _DEPLOYED:
            if by_file:
                return "at once: saving the file deploys the app"
            return f"with the app's next deployment: deployd deploy {_named(app)}"
        case ("apps", *_):
            return "at once"
        case ("prune", *_):
            return "at once, when the file is saved"
        case _:
            return "when deployd starts anew: deployd reload (no connection is refused)"


def _named(app: str | int) -> str | int:
    return "APP" if app == ANY else app
