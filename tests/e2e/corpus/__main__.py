"""`python -m tests.e2e.corpus [NAME…]`: all apps, or these, with their times; exit code 1 when fewer than 95 % pass."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.e2e.corpus.app import CorpusApp
from tests.e2e.corpus.check import Result, check
from tests.e2e.corpus.table import APPS
from tests.support.daemon import running_daemon
from tests.support.git_http import serve_git

_SHARE_THAT_PASSES = 0.95
_COLUMNS = "{:<22} {:>7} {:>7} {:>7} {:>7}  {}"


async def _run(apps: Sequence[CorpusApp], folder: Path) -> list[Result]:
    """One after the other in one deployd, so that the times are those of an idle machine.

    Being told to end is a cancellation: nothing of deployd stays behind.
    """
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    repositories = folder / "repositories"
    repositories.mkdir()
    results = []
    async with serve_git(repositories) as base_url, running_daemon(folder, drain_seconds=1.0) as daemon:
        for app in apps:
            if app.why_left_out:
                print(f"{app.name:<22} left out: {app.why_left_out}", flush=True)
                continue
            results.append(await check(daemon, app, repositories, base_url, twice=True))
            _show(results[-1])
    return results


def _show(result: Result) -> None:
    verdict = f"FAIL: {result.problem}" if result.problem else "refused, as it must be" if result.is_refusal else "pass"
    times = (result.build_seconds, result.start_seconds, result.total_seconds, result.second_seconds)
    shown = ["-" if seconds is None else f"{seconds:.1f}" for seconds in times]
    print(_COLUMNS.format(result.app.name, *shown, verdict), flush=True)
    for line in result.log:
        print(f"    {line}", flush=True)


def _sum_up(results: Sequence[Result]) -> bool:
    """Refusals are counted apart: they deploy nothing."""
    print()
    ended_well = True
    for title, ones in (
        ("apps", [result for result in results if not result.is_refusal]),
        ("refusals", [result for result in results if result.is_refusal]),
    ):
        passed = sum(not result.problem for result in ones)
        print(f"{passed} of {len(ones)} {title} pass")
        ended_well = ended_well and passed >= _SHARE_THAT_PASSES * len(ones)
    return ended_well


def main() -> int:
    names = sys.argv[1:]
    unknown = set(names) - {app.name for app in APPS}
    if unknown:
        print(f"No such app: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    print(_COLUMNS.format("app", "build", "start", "total", "second", "(seconds)"), flush=True)
    with TemporaryDirectory(prefix="corpus-") as folder:
        results = asyncio.run(_run([app for app in APPS if not names or app.name in names], Path(folder)))
    return 0 if _sum_up(results) else 1


if __name__ == "__main__":
    sys.exit(main())
