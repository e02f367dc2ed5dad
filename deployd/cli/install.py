"""install, uninstall, upgrade: deployd as a service of this host, made, taken away and renewed."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from deployd.cli.daemon import Daemon
from deployd.cli.failure import DaemonUnreachable, Failure
from deployd.cli.place import Place, place_of
from deployd.cli.reload import take_over
from deployd.cli.session import Session
from deployd.cli.verb import verb
from deployd.config_file import environment
from deployd.domain.errors import DeploydError, UserMistake
from deployd.installation import upgrade as renewal
from deployd.installation.layout import USER, Layout, Origin
from deployd.installation.plan import install_plan, out_of_reach, uninstall_plan
from deployd.installation.steps import Started, Step, packed_name
from deployd.program import is_single_file, own_command
from web.views import NewToken, StatusView

_SYSTEMD = Path("/run/systemd/system")
_TOKEN = "install"

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print every step and do nothing.")]
PurgeOption = Annotated[bool, typer.Option("--purge", help="Remove settings, releases, logs and the user, too.")]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The newer deployd.", show_default=False)]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`steps` were taken, or would be with `dry_run`; what was so already is not among them."""

    dry_run: bool
    steps: list[str]
    notes: list[str]


@verb
def install(session: Session, dry_run: DryRunOption = False) -> None:
    """Make deployd a service of this host: user, folders, settings, unit; start it and say where it is."""
    layout, origin = Layout(), _origin()
    if (problem := out_of_reach(origin.command, Path(sys.base_prefix))) and origin.file is None:
        raise UserMistake(problem)
    first = not layout.config.exists()
    taken = _walk(install_plan(origin, layout), dry_run, "install")
    notes = [] if dry_run else _after_install(layout, origin, first)
    _tell(session, Report(dry_run=dry_run, steps=taken, notes=notes), "deployd is installed already; nothing to do.")


@verb
def uninstall(session: Session, purge: PurgeOption = False, dry_run: DryRunOption = False) -> None:
    """Stop deployd and its apps and take the service away; settings and data stay unless --purge."""
    layout = Layout()
    single_file = layout.program.is_file() and bool(packed_name(layout.program))
    systemd, daemon = _SYSTEMD.is_dir(), _running(layout)
    steps = uninstall_plan(layout, systemd=systemd, daemon=daemon, single_file=single_file, purge=purge)
    taken = _walk(steps, dry_run, "uninstall")
    notes = []
    if not purge and (layout.data.exists() or layout.config.exists()):
        notes = [
            f"Kept: {layout.config.parent} (settings), {layout.data} (apps, releases, logs) and the user {USER}; "
            "`deployd install` takes them up again, `deployd uninstall --purge` removes them."
        ]
    if not is_single_file():
        notes.append("The package is still there: remove it with what installed it (uv tool, pipx or pip uninstall).")
    _tell(session, Report(dry_run=dry_run, steps=taken, notes=notes), "deployd is not installed here; nothing to do.")


@verb
def upgrade(session: Session, file: FileArgument) -> None:
    """Replace this deployd by a newer single file; the running one hands over without a failed request."""
    if not is_single_file():
        raise UserMistake(
            "This deployd is a Python package: upgrade it with what installed it (uv tool upgrade deployd, "
            "pipx upgrade deployd), then run `deployd reload`."
        )
    layout = Layout()
    target = Path(own_command(environment())[0])
    if not os.access(target.parent, os.W_OK):
        raise UserMistake(f"{target} can only be replaced by its owner: run this as root (sudo deployd upgrade FILE).")
    if file.resolve() == target.resolve():
        raise UserMistake(f"{file} is the deployd that is to be replaced: name the newer file.")
    version = renewal.version_of(file)
    daemon = _daemon(session, layout)
    try:
        renewal.replace(file.absolute(), target, layout, lambda: _hand_over(daemon))
    except (DeploydError, Failure) as error:
        raise Failure(f"deployd was not upgraded, and the one before is back in place: {error}") from error
    kept = target.with_name(f"{target.name}.previous")
    running = "it has taken over" if daemon is not None else "no deployd was running"
    session.say(
        {"version": version, "program": str(target), "previous": str(kept), "running": daemon is not None},
        f"{target} is deployd {version} now; {running}. The one before is kept as {kept}.",
    )


def _origin() -> Origin:
    command = own_command(environment())
    file = Path(command[0]) if is_single_file() else None
    if file is None:  # The command by which people know it, where there is one, rather than the module's name.
        beside = Path(sys.executable).with_name("deployd")
        command = (str(beside),) if beside.is_file() else command
    return Origin(command=command, file=file, systemd=_SYSTEMD.is_dir())


def _walk(steps: Sequence[Step], dry_run: bool, word: str) -> list[str]:
    """The sentences of those that were not so already. A service is told of whatever was changed before it."""
    if not dry_run and os.geteuid() != 0:
        raise UserMistake(f"Only root can {word} deployd: run `sudo deployd {word}`, or look with --dry-run.")
    taken: list[str] = []
    for step in steps:
        try:
            if step.is_done() and not (taken and isinstance(step, Started)):
                continue
            if not dry_run:
                step.take()
        except OSError as error:
            raise Failure(f"{step.sentence} That failed: {error.strerror or error}.") from error
        except DeploydError as error:
            raise Failure(f"{step.sentence} That failed: {error}") from error
        taken.append(step.sentence)
    return taken


def _after_install(layout: Layout, origin: Origin, first: bool) -> list[str]:
    place = place_of(layout.config, None)
    serve = f"{layout.program if origin.file else ' '.join(origin.command)} serve --config {layout.config}"
    addresses = {name: f"{host}:{port}" for name, host, port in place.listeners}
    port, admin = addresses["proxy port"].rpartition(":")[2], addresses["admin port"]
    notes = []
    if not origin.systemd:
        user = f"setpriv --reuid={USER} --regid={USER} --init-groups env HOME={layout.data}"
        notes.append(f"systemd does not run here, so start it with: {user} {serve}")
    notes += [
        f"Settings: {layout.config}.",
        f"Apps: port {port}; where a firewall runs it has to let them in (such as: ufw allow {port}/tcp).",
        f"Page: http://{admin}/logs, on this host only: from elsewhere by `ssh -L {admin}:{admin} THIS-HOST`.",
    ]
    notes.append(_login(place, first))
    return notes


def _login(place: Place, first: bool) -> str:
    how = "make an API token for page and programs with: deployd token create NAME"
    if not first:
        return f"Login: {how}"
    try:
        made = Daemon(place.socket).send("POST", "/tokens", NewToken, {"name": _TOKEN})
    except DaemonUnreachable:
        return f"Login: once it runs, {how}"
    return f"Login: {made.token} (the API token {_TOKEN!r}, shown this once)"


def _daemon(session: Session, layout: Layout) -> Daemon | None:
    """The one that was named, or else the service's; None when it does not run."""
    config = session.config or (layout.config if session.data_dir is None and layout.config.is_file() else None)
    try:
        daemon = Daemon(place_of(config, session.data_dir).socket)
        daemon.get("/status", StatusView)
    except (UserMistake, DaemonUnreachable):
        return None
    return daemon


def _hand_over(daemon: Daemon | None) -> None:
    if daemon is not None:
        take_over(daemon)


def _running(layout: Layout) -> int | None:
    if not layout.config.is_file():
        return None
    try:
        return Daemon(place_of(layout.config, None).socket).get("/status", StatusView).pid
    except (DeploydError, Failure):
        return None


def _tell(session: Session, report: Report, nothing: str) -> None:
    """Imports nothing any more: an uninstalled single file has nothing left to import from."""
    if session.as_json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
        return
    would = "would " if report.dry_run else ""
    lines = [f"{'-' if report.dry_run else '✓'} {sentence}" for sentence in report.steps] or [nothing]
    if would and report.steps:
        lines.insert(0, "These steps would be taken; nothing was done:")
    sys.stdout.write("\n".join([*lines, *report.notes]) + "\n")
