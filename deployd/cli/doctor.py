"""doctor: what this machine lacks for deployd, each with the one thing to do."""

import msgspec

from deployd.cli import host_checks
from deployd.cli.check import Check, bad, good
from deployd.cli.daemon import Daemon
from deployd.cli.failure import Failure
from deployd.cli.place import Place, place_of
from deployd.cli.programs import programs
from deployd.cli.screen import Screen
from deployd.cli.session import Session
from deployd.cli.table import Cell
from deployd.cli.verb import verb
from deployd.domain.errors import DeploydError
from web.views import StatusView


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    ok: bool
    checks: list[Check]


@verb
def doctor(session: Session) -> None:
    """Look at what deployd needs on this machine and say what to do."""
    checks = programs()
    try:
        place = place_of(session.config, session.data_dir)
    except DeploydError as error:
        checks += [
            *host_checks.walls(),
            bad("configuration", str(error), "mend it, or name another file with --config"),
        ]
    else:
        checks += [good("configuration", place.described), *_place_checks(place)]
    diagnosis = Diagnosis(ok=all(check.ok or not check.needed for check in checks), checks=checks)
    session.show(diagnosis, lambda screen: _print(screen, diagnosis))
    if not diagnosis.ok:
        raise Failure("Something that deployd needs is missing; the lines marked ✗ say what to do.")


def _place_checks(place: Place) -> list[Check]:
    """What walls a daemon has it says itself: its user, unit and control group are not this shell's."""
    folder = [host_checks.data_folder(place.data_dir), host_checks.disk(place.data_dir)]
    try:
        said = Daemon(place.socket).get("/status", StatusView)
    except Failure as failure:
        runs = False
        checks = [*host_checks.walls(), *folder, bad("daemon", str(failure), "deployd serve", needed=False)]
    else:
        runs = True
        checks = [*folder, good("daemon", f"deployd {said.version} answers")]
        checks += [Check(name="daemon", ok=False, found=problem) for problem in said.problems]
        checks += [Check(name="daemon", ok=False, found=warning, needed=False) for warning in said.warnings]
    return [*checks, *(host_checks.port(name, host, number, runs) for name, host, number in place.listeners)]


def _print(screen: Screen, diagnosis: Diagnosis) -> None:
    for check in diagnosis.checks:
        mark, style = ("✓", "green") if check.ok else ("✗", "red") if check.needed else ("!", "yellow")
        screen.line(Cell(f"{mark} {check.name:<14} {check.found}", style), indent=4)
        if check.remedy is not None:
            screen.line(f"  → {check.remedy}", indent=4)
