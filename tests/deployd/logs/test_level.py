import pytest

from deployd.domain.log_line import Level
from deployd.logs.level import guess_level


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("", Level.INFO),
        ("listening on port 3000", Level.INFO),
        ("GET /errors HTTP/1.1 200", Level.INFO),
        ("finished with 0 errors", Level.INFO),
        ("Error handling is set up", Level.INFO),
        (" * Debug mode: off", Level.INFO),
        ("INFO:     Application startup complete.", Level.INFO),
        ("ERROR:    [Errno 98] Address already in use", Level.ERROR),
        ("WARNING: This is a development server.", Level.WARN),
        ("2026-01-02 03:04:05,678 - shop.cart - ERROR - no such item", Level.ERROR),
        ("2026-01-02T03:04:05Z [warn] disk nearly full", Level.WARN),
        ("[2026-01-02 03:04:05 +0000] [7] [CRITICAL] WORKER TIMEOUT", Level.ERROR),
        ("\x1b[32mDEBUG\x1b[0m pool has 4 connections", Level.DEBUG),
        ("npm ERR! code ELIFECYCLE", Level.ERROR),
        ("Traceback (most recent call last):", Level.ERROR),
        ("TypeError: undefined is not a function", Level.ERROR),
        ("panic: runtime error: index out of range", Level.ERROR),
        ('{"level":"error","msg":"broken"}', Level.ERROR),
        ('{"time":"2026-01-02","severity": "WARNING"}', Level.WARN),
        ('{"level":50,"msg":"as pino writes it"}', Level.ERROR),
        ('{"level":20,"msg":"as pino writes it"}', Level.DEBUG),
        ('ts=2026-01-02 level=warn msg="slow"', Level.WARN),
        ("x" * 100_000 + " ERROR", Level.INFO),
    ],
)
def test_the_level_is_what_the_line_says_of_itself(text: str, level: Level) -> None:
    assert level == guess_level(text)
