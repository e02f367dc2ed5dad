"""plan: how a folder or a repository would be built and run, without a daemon and without building it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from deployd.cli.failure import Failure
from deployd.cli.place import config_path
from deployd.cli.screen import Screen
from deployd.cli.session import Session
from deployd.cli.table import Cell
from deployd.cli.verb import verb
from deployd.domain.app import checked_name
from deployd.domain.build import BuildPlan, BuildSettings, BuildWishes, check_build_settings
from deployd.domain.env import GIT_KEY
from deployd.domain.plan_text import plan_parts
from deployd.domain.secret import Secret
from deployd.domain.suggestion import did_you_mean

if TYPE_CHECKING:
    from deployd.config import AppConfig

_FETCH_SECONDS = 120.0


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """`unset` are variables that the project requires, when no app was named that could have set them."""

    plan: BuildPlan
    unset: tuple[str, ...] = ()


@verb
def plan(
    session: Session,
    source: Annotated[
        str | None,
        typer.Argument(metavar="[PATH|URL]", help="A folder, or a git URL; the app's repository if left out."),
    ] = None,
    ref: Annotated[str | None, typer.Option(help="Branch, tag or commit of a repository.")] = None,
    root: Annotated[str | None, typer.Option(help="The folder of it that is the app.")] = None,
    convert_bun: Annotated[bool, typer.Option("--convert-bun", help="Use bun in place of npm, yarn or pnpm.")] = False,
    app: Annotated[str | None, typer.Option(help="Take the settings of this app in --config.")] = None,
) -> None:
    """Show how a project would be built and run, and why."""
    known = _app(session, app) if app is not None else None
    place = source or (_address(known) if known is not None else None)
    if place is None:
        raise Failure("Name a folder or a git URL, or an app that has a repository with --app.")
    wishes = _wishes(known, root, convert_bun)
    planned = _planned(place, ref or (known.branch if known is not None and source is None else None), wishes, known)
    session.show(planned.plan, lambda screen: _print(screen, planned))


def _app(session: Session, name: str) -> "AppConfig":
    from deployd.config_file import load

    path = config_path(session.config)
    apps = load(path).apps
    if checked_name(name) not in apps:
        raise Failure(
            f"{path} has no app {name!r}; it has: {', '.join(sorted(apps)) or 'none'}.{did_you_mean(name, apps)}"
        )
    return apps[name]


def _address(app: "AppConfig") -> str | None:
    if app.repo is None or app.login is None:
        return app.repo
    scheme, joint, rest = app.repo.partition("://")
    return f"{scheme}{joint}{app.login.reveal()}@{rest}"


def _wishes(app: "AppConfig | None", root: str | None, convert_bun: bool) -> BuildWishes:
    settings = app.build if app is not None else BuildSettings()
    settings = msgspec.structs.replace(
        settings, root=root or settings.root, convert_bun=convert_bun or settings.convert_bun
    )
    check_build_settings(settings)
    if app is None:
        return BuildWishes(settings=settings)
    return BuildWishes(settings=settings, commands=app.commands, env_names=frozenset(app.env))


def _planned(place: str, ref: str | None, wishes: BuildWishes, app: "AppConfig | None") -> Planned:
    folder = Path(os.path.expanduser(place))  # pathlib's raises for `~NAME` of nobody
    if not folder.is_dir():
        if ":" not in place:
            raise Failure(f"{place} is not a folder here; name one, or a git URL.")
        return _plan_repository(place, ref, wishes, app)
    if ref is None:
        return _plan_folder(folder, wishes, app)
    return _plan_repository(str(folder.resolve()), ref, wishes, app)


def _plan_folder(folder: Path, wishes: BuildWishes, app: "AppConfig | None") -> Planned:
    """Without an app nothing is known of its env: what must be set is told, not refused."""
    from deployd.builders.detect import detect
    from deployd.builders.listing import list_project
    from deployd.builders.overrides import required_variables
    from deployd.builders.readable import readable

    project = list_project(folder)
    unset: tuple[str, ...] = ()
    if app is None:
        with readable(project) as watched:
            unset = required_variables(watched, wishes)
        wishes = msgspec.structs.replace(wishes, env_names=frozenset(unset))
    return Planned(plan=detect(project, wishes), unset=unset)


def _plan_repository(url: str, ref: str | None, wishes: BuildWishes, app: "AppConfig | None") -> Planned:
    """Fetched into a folder that is gone when this ends, however it ends."""
    import asyncio
    import tempfile

    with tempfile.TemporaryDirectory(prefix="deployd-plan-") as folder:
        asyncio.run(_fetch(Path(folder), url, ref, None if app is None else app.env.get(GIT_KEY)))
        return _plan_folder(Path(folder) / "project", wishes, app)


async def _fetch(folder: Path, url: str, ref: str | None, key: Secret | None) -> None:
    from deployd.adapters.git.repositories import GitRepositories
    from deployd.config_file import environment
    from deployd.domain.ids import AppName
    from deployd.domain.repository_address import RepositoryAddress

    (folder / "mirrors").mkdir()
    (folder / "project").mkdir()
    # A person's own keys, proxies and certificates; what steers git itself is for their own repository.
    passed = {name: value for name, value in environment().items() if not name.startswith("GIT_")}
    sources = GitRepositories(folder / "mirrors", _FETCH_SECONDS, passed)
    commit = await sources.fetch(AppName("plan"), RepositoryAddress.parse(url), ref, lambda line: None, key)
    await sources.checkout(AppName("plan"), commit, folder / "project")


def _print(screen: Screen, planned: Planned) -> None:
    for label, text in plan_parts(planned.plan):
        parts = (Cell(f"{label}:", "bold"), f" {text}") if label else (Cell(f"  {text}", "dim"),)
        screen.line(*parts, indent=2)
    if planned.unset:
        names = " ".join(f"{name}=…" for name in planned.unset)
        screen.text(f"To set before a build: deployd env APP set {names}", "yellow")
