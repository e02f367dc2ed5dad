"""Of what git says while it fetches only what people want to read goes to the log."""

import sys

import pytest

from deployd.adapters.git.run import run_git

COUNTING = """\
remote: Enumerating objects: 100% (3/3), done.
remote: Counting objects:  33% (1/3)\rremote: Counting objects: 100% (3/3), done.
remote: Compressing objects: 100% (2/2), done.
remote: Total 3 (delta 0), reused 0 (delta 0), pack-reused 0
Receiving objects:  40% (1/3)\rReceiving objects: 100% (3/3), 1.20 KiB | 1.20 MiB/s, done.
Resolving deltas: 100% (1/1), done.
From https://example.com/shop
 * branch            main       -> FETCH_HEAD
 + 1a2b3c4...5d6e7f8 main       -> origin/main  (forced update)
   1a2b3c4..5d6e7f8  main       -> origin/main
"""


@pytest.mark.parametrize(
    ("said", "passed"),
    [
        (COUNTING, []),
        ("Receiving objects: 100% (9/9), 45.10 MiB | 9.00 MiB/s, done.\n", ["Received 45.10 MiB."]),
        ("remote: This repository moved.\nwarning: no.\n", ["remote: This repository moved.", "warning: no."]),
        ("fatal: repository not found\n", ["fatal: repository not found"]),
    ],
)
async def test_counting_and_compressing_is_not_passed_on(said: str, passed: list[str]) -> None:
    lines: list[str] = []
    argv = [sys.executable, "-c", f"import sys; sys.stderr.write({said!r}); sys.exit(3)"]
    finished = await run_git(argv, {}, 10, lines.append)
    assert (finished.code, lines) == (3, passed)
    assert finished.complaint == said
