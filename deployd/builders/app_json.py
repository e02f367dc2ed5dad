"""An app.json as Heroku defines it: of all it may say, the variables, their defaults and which of them must be set."""

import re
from collections.abc import Set

import msgspec

from deployd.builders.project import Project
from deployd.domain.errors import BuildFailed

NAME = "app.json"

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_Text = str | int | float | bool
_IGNORED = {
    "formation": "the numbers of processes come from `processes` of the app",
    "addons": "databases and the like are set up apart, their addresses go into the env",
    "buildpacks": "the files of the project say how it is built",
}


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of `env`. `required` is true when it is not said, as Heroku documents it; a default fulfils it."""

    value: _Text | None = None
    description: str = ""
    required: bool = True
    generator: str = ""

    @property
    def default(self) -> str | None:
        """None too for an empty text of a required variable: nobody means to run with it."""
        text = _text(self.value)
        return None if text == "" and self.required else text


class AppJson(msgspec.Struct, frozen=True, kw_only=True):
    env: dict[str, Variable | _Text] = {}
    formation: object = None
    addons: object = None
    buildpacks: object = None

    @property
    def variables(self) -> dict[str, Variable]:
        """A plain text in place of an entry is its value. PORT is nobody's to choose but deployd's."""
        return {
            name: said if isinstance(said, Variable) else Variable(value=said)
            for name, said in self.env.items()
            if name != "PORT"
        }

    def defaults(self) -> dict[str, str]:
        return {name: one.default for name, one in self.variables.items() if one.default is not None}

    def missing(self, env_names: Set[str]) -> dict[str, Variable]:
        return {
            name: one
            for name, one in self.variables.items()
            if one.required and one.default is None and name not in env_names
        }

    def ignored(self) -> tuple[str, ...]:
        """A sentence for each part that says something and is not followed."""
        return tuple(
            f"`{key}` of {NAME} is not followed: {why}."
            for key, why in _IGNORED.items()
            if getattr(self, key) is not None
        )


def read_app_json(project: Project) -> AppJson:
    """BuildFailed with the key when it is not of the shape that Heroku documents; an empty one when there is none."""
    text = project.text(NAME).lstrip("\ufeff")
    if not text.strip():
        return AppJson()
    try:
        said = msgspec.json.decode(text, type=AppJson)
    except msgspec.DecodeError as error:
        raise BuildFailed(f"{project.path(NAME)} cannot be read: {str(error).rstrip('.')}.") from error
    for name in said.env:
        if not _KEY.fullmatch(name):
            raise BuildFailed(f"{project.path(NAME)}: {name!r} in `env` cannot be the name of a variable.")
    return said


def refuse_missing(said: AppJson, env_names: Set[str]) -> None:
    """BuildFailed naming every variable that the project requires and nobody has set."""
    missing = said.missing(env_names)
    if not missing:
        return
    named = ", ".join(_named(name, one) for name, one in missing.items())
    settings = " ".join(f"{name}=…" for name in missing)
    raise BuildFailed(f"{NAME} requires variables that are not set: {named}. Set them: deployd env APP set {settings}")


def _named(name: str, variable: Variable) -> str:
    told = [variable.description.strip().rstrip(".")] if variable.description.strip() else []
    if variable.generator == "secret":
        told.append("a long random text that deployd does not make up for you")
    return f"{name} ({'; '.join(told)})" if told else name


def _text(value: _Text | None) -> str | None:
    """As JSON writes it: a program that reads `true` from its env does not expect `True`."""
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
