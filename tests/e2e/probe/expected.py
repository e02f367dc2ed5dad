"""What a case expects of us, in words that can be checked; `custom` cases are looked up here by their id."""

import re
from collections.abc import Callable

from tests.e2e.probe.cases import Case
from tests.e2e.probe.talk import Outcome

REFUSALS = frozenset({400, 404, 405, 408, 411, 413, 414, 417, 421, 426, 431, 501, 505})
_DATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} [\d:]{8} GMT"
)
Check = Callable[[Outcome], bool]


def wanted(case: Case) -> Check:
    """KeyError when nobody has said what the case expects."""
    if case.exp == "Exact(400)":
        return _bad_or_closed if case.close_ok else _bad
    if case.exp == "Range2xx":
        return _served
    return _CUSTOM[case.id]


def _first(outcome: Outcome) -> int:
    return outcome.answers[0].status if outcome.answers else 0


def _bad(outcome: Outcome) -> bool:
    return _first(outcome) == 400


def _bad_or_closed(outcome: Outcome) -> bool:
    return _bad(outcome) or (not outcome.answers and outcome.closed)


def _served(outcome: Outcome) -> bool:
    return 200 <= _first(outcome) < 300


def _refused(outcome: Outcome) -> bool:
    """And nothing that came after it was believed."""
    return (_first(outcome) in REFUSALS and outcome.closed and len(outcome.answers) == 1) or (
        not outcome.answers and outcome.closed
    )


def _either(outcome: Outcome) -> bool:
    return _served(outcome) or _refused(outcome)


def _served_and_closed(outcome: Outcome) -> bool:
    return _served(outcome) and outcome.closed and len(outcome.answers) == 1


def _refused_or_closed_after(outcome: Outcome) -> bool:
    return _refused(outcome) or _served_and_closed(outcome)


def _unfinished(outcome: Outcome) -> bool:
    return not _served(outcome) and 101 not in outcome.interim


def _no_switch(outcome: Outcome) -> bool:
    return 101 not in outcome.interim and _first(outcome) != 101 and not outcome.excess


def _no_body(outcome: Outcome) -> bool:
    return _served(outcome) and not outcome.answers[0].body and not outcome.excess


def _names_methods_when_refused(outcome: Outcome) -> bool:
    return _first(outcome) != 405 or outcome.answers[0].field("allow") is not None


def _has_date(outcome: Outcome) -> bool:
    return _served(outcome) and _DATE.fullmatch(outcome.answers[0].field("date") or "") is not None


def _no_interim(outcome: Outcome) -> bool:
    return _served(outcome) and not outcome.interim


def _empty_without_length(outcome: Outcome) -> bool:
    return _first(outcome) == 204 and outcome.answers[0].field("content-length") is None


def _whole(outcome: Outcome) -> bool:
    return _served(outcome) and _first(outcome) != 206


def _names_methods(outcome: Outcome) -> bool:
    return _served(outcome) and outcome.answers[0].field("allow") is not None


def _has_type(outcome: Outcome) -> bool:
    return _served(outcome) and outcome.answers[0].field("content-type") is not None


def _two_answers(outcome: Outcome) -> bool:
    return [answer.status // 100 for answer in outcome.answers] == [2, 2]


def _listed(check: Check, ids: str) -> dict[str, Check]:
    return dict.fromkeys(ids.split(), check)


_CUSTOM = {
    **_listed(
        _refused,
        "COMP-UNKNOWN-TE-501 SMUG-TE-XCHUNKED SMUG-TE-TRAILING-SPACE SMUG-TE-IDENTITY SMUG-TE-OBS-FOLD"
        " SMUG-OPTIONS-TE-OBS-FOLD SMUG-CHUNK-INVALID-SIZE-DESYNC NORM-SP-BEFORE-COLON-CL NORM-TAB-IN-NAME"
        " SMUG-CHUNKED-WITH-PARAMS SMUG-CL-COMMA-SAME SMUG-CL-COMMA-TRIPLE SMUG-CLTE-SMUGGLED-GET"
        " SMUG-CLTE-SMUGGLED-GET-CL-PLUS SMUG-CLTE-SMUGGLED-GET-CL-NON-NUMERIC SMUG-CLTE-SMUGGLED-GET-TE-OBS-FOLD"
        " SMUG-CLTE-SMUGGLED-HEAD SMUG-CLTE-SMUGGLED-GET-TE-TRAILING-SPACE SMUG-CLTE-SMUGGLED-GET-TE-LEADING-COMMA"
        " SMUG-CLTE-SMUGGLED-GET-TE-CASE-MISMATCH SMUG-TE-DUPLICATE-HEADERS-SMUGGLED-GET SMUG-TECL-SMUGGLED-GET"
        " SMUG-DUPLICATE-CL-SMUGGLED-GET SMUG-CLTE-DESYNC SMUG-TECL-DESYNC SMUG-TE-TAB-BEFORE-VALUE"
        # what should or may be refused
        " RFC9112-2.2-BARE-LF-REQUEST-LINE RFC9112-2.2-BARE-LF-HEADER RFC9112-3-MULTI-SP-REQUEST-LINE"
        " RFC9112-2.3-INVALID-VERSION RFC9112-3.2-FRAGMENT-IN-TARGET RFC9112-2.3-HTTP09-REQUEST COMP-METHOD-CASE"
        " COMP-METHOD-CONNECT COMP-EXPECT-UNKNOWN COMP-METHOD-TRACE COMP-REQUEST-LINE-TAB COMP-TRACE-WITH-BODY"
        " COMP-UNKNOWN-METHOD COMP-TRACE-SENSITIVE SMUG-CL-TE-BOTH SMUG-CL-LEADING-ZEROS SMUG-CLTE-PIPELINE"
        " SMUG-TECL-PIPELINE SMUG-TE-DOUBLE-CHUNKED SMUG-TE-CASE-MISMATCH SMUG-TE-LEADING-COMMA SMUG-CHUNK-EXT-LF"
        " SMUG-CHUNK-LF-TERM SMUG-CHUNK-LF-TRAILER SMUG-CL-DOUBLE-ZERO SMUG-CL-LEADING-ZEROS-OCTAL"
        " SMUG-TE-TRAILING-COMMA MAL-BINARY-GARBAGE MAL-LONG-URL MAL-LONG-HEADER-VALUE MAL-MANY-HEADERS"
        " MAL-LONG-HEADER-NAME MAL-LONG-METHOD MAL-WHITESPACE-ONLY-LINE MAL-H2-PREFACE MAL-URL-BACKSLASH"
        " MAL-CHUNK-EXT-64K COMP-DUPLICATE-CT COMP-HTTP10-NO-HOST NORM-CASE-TE",
    ),
    **_listed(
        _served,
        "COMP-POST-CL-BODY COMP-CHUNKED-BODY COMP-CHUNKED-MULTI COMP-CHUNKED-TRAILER-VALID COMP-CHUNKED-HEX-UPPERCASE"
        " COMP-CHUNKED-EXTENSION COMP-LEADING-CRLF COMP-ABSOLUTE-FORM COMP-LONG-URL-OK COMP-RANGE-INVALID"
        " COMP-ACCEPT-NONSENSE COMP-POST-UNSUPPORTED-CT COMP-GET-WITH-CL-BODY SMUG-EXPECT-100-CL COMP-HTTP12-VERSION",
    ),
    **_listed(
        _either,
        "SMUG-TRANSFER_ENCODING SMUG-TRAILER-CL SMUG-TRAILER-TE SMUG-TRAILER-HOST SMUG-TRAILER-AUTH SMUG-HEAD-CL-BODY"
        " SMUG-OPTIONS-CL-BODY SMUG-TRAILER-CONTENT-TYPE NORM-UNDERSCORE-CL NORM-UNDERSCORE-TE MAL-RANGE-OVERLAPPING"
        " SMUG-CL-TRAILING-SPACE SMUG-CL-EXTRA-LEADING-SP MAL-CL-TAB-BEFORE-VALUE MAL-URL-PERCENT-NULL"
        " MAL-URL-PERCENT-CRLF SMUG-CL0-BODY-POISON",
    ),
    **_listed(
        _unfinished,
        "COMP-POST-CL-UNDERSEND COMP-CHUNKED-NO-FINAL MAL-POST-CL-HUGE-NO-BODY MAL-INCOMPLETE-REQUEST"
        " MAL-EMPTY-REQUEST",
    ),
    **_listed(
        _no_switch,
        "COMP-UPGRADE-POST COMP-UPGRADE-MISSING-CONN COMP-UPGRADE-UNKNOWN COMP-UPGRADE-INVALID-VER COMP-UPGRADE-HTTP10",
    ),
    **_listed(_served_and_closed, "COMP-CONNECTION-CLOSE COMP-HTTP10-DEFAULT-CLOSE"),
    **_listed(_refused_or_closed_after, "SMUG-CLTE-CONN-CLOSE SMUG-TECL-CONN-CLOSE"),
    **_listed(
        _two_answers,
        "SMUG-PIPELINE-SAFE SMUG-GET-CL-PREFIX-DESYNC SMUG-GET-CL-BODY-DESYNC SMUG-OPTIONS-CL-BODY-DESYNC"
        " SMUG-EXPECT-100-CL-DESYNC",
    ),
    **_listed(_has_date, "COMP-DATE-HEADER COMP-DATE-FORMAT"),
    "SMUG-ABSOLUTE-URI-HOST-MISMATCH": lambda outcome: _first(outcome) in {*range(200, 300), 400, 404},
    "COMP-HEAD-NO-BODY": _no_body,
    "COMP-405-ALLOW": _names_methods_when_refused,
    "COMP-NO-1XX-HTTP10": _no_interim,
    "COMP-NO-CL-IN-204": _empty_without_length,
    "COMP-RANGE-POST": _whole,
    "COMP-OPTIONS-ALLOW": _names_methods,
    "COMP-CONTENT-TYPE": _has_type,
}
