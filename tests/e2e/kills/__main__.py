"""`python -m tests.e2e.kills --kills 240 --seed 7`: a table, what was violated, and 1 at the end when anything was."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.kills.matrix import Matrix
from tests.support.daemon import Daemon


async def _run(kills: int, seed: int) -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="deployd-kills-", dir="/var/tmp") as folder:
        daemon = Daemon(Path(folder), drain_seconds=1.0)
        matrix = Matrix(daemon, Path(folder), seed)
        try:
            await matrix.prepare()
            await matrix.run(kills)
        finally:
            await daemon.remove_all()
            await daemon.stop()
    print(f"{'killed within':<16}{'kills':>6}{'violations':>12}")
    for name, count in matrix.kills.items():
        print(f"{name:<16}{count:>6}{sum(f' within {name}:' in fault for fault in matrix.faults):>12}")
    print(f"{'all':<16}{sum(matrix.kills.values()):>6}{len(matrix.faults):>12}")
    print(f"{matrix.line_count} numbered lines, seed {seed}, {time.monotonic() - began:.0f} s")
    return 1 if matrix.faults else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=240)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    sys.exit(asyncio.run(_run(options.kills, options.seed)))
