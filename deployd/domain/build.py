"""How a project is built and run, as data: what the user wished, and the plan that detection made of it."""

import re
from collections.abc import Iterator

import msgspec

from deployd.domain.known_tools import KNOWN_TOOLS
from deployd.domain.setting import WrongSetting, raise_first
from deployd.domain.suggestion import nearest

_FOLDER = re.compile(r"(?!.*(^|/)\.\.(/|$))(?!/)[^\x00-\x1f\\]{1,400}")


class BuildSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What detection is told instead of finding it out; empty or None means: find it out.

    The same keys in `[apps.NAME.build]` of deployd.toml and `[build]` of a repository's `.deployd.toml`.
    `root` and `output` are folders, relative to the repository and to `root`; `workspace` is the name or folder of
    one package of a monorepo; an empty `install` or `build` leaves that step out; `tools` maps the name of a tool
    (node, pnpm, python…) to the version or range of versions it is to have.
    """

    builder: str = ""
    root: str = "."
    workspace: str = ""
    install: str | None = None
    build: str | None = None
    start: str | None = None
    output: str | None = None
    spa: bool | None = None
    tools: dict[str, str] = {}
    convert_bun: bool = False


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A program that steps and processes need.

    `wanted` is a version or range as the tool's own world writes it (`22`, `>=18 <23`, `lts/*`, `3.12`), empty for
    any. Once the tool is there, `version` is exact, and `place` is the folder of its programs below the toolchains'
    folder: empty when it is the host's own, which is on PATH anyway.
    """

    name: str
    wanted: str = ""
    version: str = ""
    place: str = ""


class Dependencies(msgspec.Struct, frozen=True, kw_only=True):
    """Packages that the project needs, installed apart from its own build so that a later build can take them over.

    `steps` run in the folder `at` (relative to the repository) and fill `folders`. When `reusable`, what they install
    depends only on them, on the tools and on the content of `inputs`; `on_reuse` are steps that must run even when
    the packages are taken over. `prune` steps run in `at` after the build and leave what the processes need.
    All names are relative to the repository; an input that is missing counts as empty.
    """

    steps: tuple[str, ...]
    folders: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    at: str = "."
    reusable: bool = False
    on_reuse: tuple[str, ...] = ()
    prune: tuple[str, ...] = ()


class BuildPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What detection decided.

    `steps` are shell commands run in order in `root` with the network on, after `dependencies` are there;
    `static_root` is the folder (relative to the repository) that the proxy serves without a process;
    otherwise `processes` maps names (`web`, `worker`, `release`…) to shell commands that run in `root` and find PORT
    in their env; `env` is what build and processes need besides the app's own; `kept` are folders (relative to the
    repository) that a framework fills to build faster next time, never part of the artifact; `health` is the path
    that tells best whether the web process is well, None for the default; `why` is one sentence for the build log,
    `reasons` one sentence for each decision.
    """

    builder: str
    why: str
    reasons: tuple[str, ...] = ()
    root: str = "."
    tools: tuple[Tool, ...] = ()
    dependencies: Dependencies | None = None
    steps: tuple[str, ...] = ()
    static_root: str | None = None
    spa: bool = False
    processes: dict[str, str] = {}
    env: dict[str, str] = {}
    kept: tuple[str, ...] = ()
    health: str | None = None


class BuildWishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the app's owner has said: settings, commands of processes, and the names of the variables that are set."""

    settings: BuildSettings = BuildSettings()
    commands: dict[str, str] = {}
    env_names: frozenset[str] = frozenset()


def check_build_settings(settings: BuildSettings) -> None:
    """Raises WrongSetting for the first setting that cannot work."""
    raise_first(wrong_build_settings(settings))


def wrong_build_settings(settings: BuildSettings) -> Iterator[WrongSetting]:
    """Keys count from the app's table."""
    for key, folder in (("root", settings.root), ("output", settings.output)):
        if folder is not None and not _FOLDER.fullmatch(folder):
            yield WrongSetting(("build", key), f"`build.{key}` {folder!r} is not a folder inside the repository.")
    for name, version in settings.tools.items():
        if version and name not in KNOWN_TOOLS:  # Without one it may be any program that the host is to have.
            close = nearest(name, KNOWN_TOOLS)
            meant = f"did you mean `{close}`?" if close else "leave its version out, since deployd cannot tell it."
            sentence = f"`build.tools` {name[:80]!r} is no tool that deployd knows: {meant}"
            yield WrongSetting(("build", "tools", name), sentence, named=True)
