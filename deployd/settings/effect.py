"""When a change of a setting takes effect."""

from deployd.domain.setting import ANY, Key

WAITS_FOR = {"env": "restart", "processes": "restart", "limits": "restart", "commands": "deploy", "build": "deploy"}
"""What is applied to an app's next processes or next build, so that an edit alone never interrupts it: the command."""

_DEPLOYED = ("repo", "branch")


def effect(key: Key) -> str:
    match key:
        case ("apps", app, str(field), *_) if field in WAITS_FOR:
            when = "start" if WAITS_FOR[field] == "restart" else "deployment"
            return f"with the app's next {when}: deployd {WAITS_FOR[field]} {'APP' if app == ANY else app}"
        case ("apps", _, str(field), *_) if field in _DEPLOYED:
            return "at once: saving the file deploys the app"
        case ("apps" | "prune", *_):
            return "at once, when the file is saved"
        case _:
            return "when deployd starts anew: deployd reload (no connection is refused)"
