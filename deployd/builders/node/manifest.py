"""What package.json says, read tolerantly: a field of a wrong type is as good as missing."""

from typing import Any

import msgspec

from deployd.builders.node.texts import table, text, texts
from deployd.builders.project import Project
from deployd.domain.errors import BuildFailed


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The part of package.json that matters here; `dev_engines` maps `runtime` and `packageManager` to name, version.

    `workspaces` is None when the file has no such field, which is not the same as an empty list.
    """

    name: str = ""
    main: str = ""
    scripts: dict[str, str] = {}
    dependencies: dict[str, str] = {}
    dev: dict[str, str] = {}
    optional: dict[str, str] = {}
    peer: dict[str, str] = {}
    workspaces: tuple[str, ...] | None = None
    package_manager: str = ""
    engines: dict[str, str] = {}
    volta: dict[str, str] = {}
    dev_engines: dict[str, tuple[str, str]] = {}

    @property
    def packages(self) -> dict[str, str]:
        """All that an install brings, by name."""
        return {**self.optional, **self.dev, **self.dependencies}


def read_manifest(project: Project) -> Manifest:
    """BuildFailed unless package.json holds a JSON object."""
    name = project.path("package.json")
    try:
        fields = msgspec.json.decode(project.text("package.json").lstrip("\ufeff"))
    except msgspec.DecodeError as error:
        raise BuildFailed(f"{name} cannot be read: {error}.") from error
    if not isinstance(fields, dict):
        raise BuildFailed(f"{name} cannot be read: it is not a JSON object.")
    return _manifest(fields)


def _manifest(fields: dict[str, Any]) -> Manifest:
    return Manifest(
        name=text(fields.get("name")),
        main=text(fields.get("main")),
        scripts={name: script.strip() for name, script in table(fields.get("scripts")).items() if script.strip()},
        dependencies=table(fields.get("dependencies")),
        dev=table(fields.get("devDependencies")),
        optional=table(fields.get("optionalDependencies")),
        peer=table(fields.get("peerDependencies")),
        workspaces=_workspaces(fields.get("workspaces")),
        package_manager=text(fields.get("packageManager")),
        engines=table(fields.get("engines")),
        volta=table(fields.get("volta")),
        dev_engines=_dev_engines(fields.get("devEngines")),
    )


def _workspaces(value: object) -> tuple[str, ...] | None:
    if isinstance(value, dict):
        value = value.get("packages")
    return texts(value) if isinstance(value, list) else None


def _dev_engines(value: object) -> dict[str, tuple[str, str]]:
    """Each kind is one object or a list of them, of which the first is the favourite."""
    found: dict[str, tuple[str, str]] = {}
    for kind, wish in (value if isinstance(value, dict) else {}).items():
        first = table(next(iter(wish), None) if isinstance(wish, list) else wish)
        if first.get("name"):
            found[str(kind)] = (first["name"], first.get("version", ""))
    return found
