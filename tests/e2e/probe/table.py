"""The verdicts as a table for people."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.e2e.probe.runner import Verdict

_LEVELS = ("Must", "Should", "OughtTo", "May", "NotApplicable")


def table(verdicts: Sequence[Verdict]) -> Iterator[str]:
    yield f"{'suite':16}{'level':16}{'cases':>6}{'as expected':>13}{'otherwise':>11}{'unsafe':>8}"
    suites = sorted({verdict.case.suite for verdict in verdicts})
    for suite in suites:
        for level in _LEVELS:
            row = [one for one in verdicts if (one.case.suite, one.case.level) == (suite, level)]
            if row:
                counts = Counter(one.as_expected for one in row)
                unsafe = sum(bool(one.harm) for one in row)
                yield f"{suite:16}{level:16}{len(row):>6}{counts[True]:>13}{counts[False]:>11}{unsafe:>8}"


def deviations(verdicts: Sequence[Verdict]) -> Iterator[str]:
    for one in verdicts:
        if one.harm or not one.as_expected:
            mark = "FAILED" if one.failed else "differs"
            yield f"{mark:8}{one.case.id:44}{one.case.level:14}{one.outcome.statuses:10}{one.harm or one.case.desc}"
