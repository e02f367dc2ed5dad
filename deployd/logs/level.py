"""Guesses how serious a line is from what it says, since most programs only print text."""

import re

from deployd.domain.log_line import Level

RANK = {Level.DEBUG: 0, Level.INFO: 1, Level.WARN: 2, Level.ERROR: 3}

_HEAD = 240  # a level stands near the start of a line; reading further costs time and finds prose
_WORDS = {
    "trace": Level.DEBUG,
    "debug": Level.DEBUG,
    "info": Level.INFO,
    "notice": Level.INFO,
    "warn": Level.WARN,
    "warning": Level.WARN,
    "err": Level.ERROR,
    "error": Level.ERROR,
    "fatal": Level.ERROR,
    "crit": Level.ERROR,
    "critical": Level.ERROR,
    "alert": Level.ERROR,
    "emerg": Level.ERROR,
    "panic": Level.ERROR,
}
_ANY = "|".join(sorted(_WORDS, key=len, reverse=True))
_KEYED = re.compile(r"""["']?\b(?:level|lvl|severity)["']?\s*[=:]\s*["']?(\w+)""", re.I)
_CAPITALS = re.compile(rf"(?:^|[\s\[(|<-])({_ANY.upper()})(?=$|[\s\]):|>,!-])")
_LABEL = re.compile(rf"(?:[^a-z]|\d[tz])*({_ANY})(?=\]|\)|!|:(?:\s|$))", re.I)
_EXCEPTION = re.compile(
    r"(?:Traceback \(most recent call|[\w.]*(?:Error|Exception)(?::\s|$)|Uncaught |Unhandled |panic: )"
)
_HINTS = (
    *("err", "warn", "info", "debug", "trace", "notice", "fatal", "crit", "alert", "emerg", "panic"),
    *("exception", "uncaught", "unhandled", "level", "lvl", "severity"),
)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_PINO = ((50, Level.ERROR), (40, Level.WARN), (30, Level.INFO), (0, Level.DEBUG))


def guess_level(text: str) -> Level:
    """INFO unless the line itself says otherwise; which stream it came from proves nothing."""
    head = text[:_HEAD]
    lower = head.lower()
    if not any(hint in lower for hint in _HINTS):  # most lines, at a tenth of the cost
        return Level.INFO
    if "\x1b" in head:
        head = _ANSI.sub("", head)
    if keyed := _KEYED.search(head):
        return _named(keyed[1])
    found = _CAPITALS.search(head) or _LABEL.match(head)
    if found:
        return _WORDS[found[1].lower()]
    return Level.ERROR if _EXCEPTION.match(head) else Level.INFO


def _named(word: str) -> Level:
    """A level's name, or the number that pino and bunyan write (10 trace … 60 fatal)."""
    if word.isdecimal():
        return next(level for least, level in _PINO if int(word) >= least)
    return _WORDS.get(word.lower(), Level.INFO)
