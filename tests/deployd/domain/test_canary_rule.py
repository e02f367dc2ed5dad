"""Who may be given a canary, and how that is said."""

import pytest

from deployd.domain.edge import CanaryRule, check_canary
from deployd.domain.errors import UserMistake


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (CanaryRule(percent=5), "5 % of the visitors"),
        (CanaryRule(percent=0.5, header="X-Canary: 1"), "0.5 % of the visitors, requests with X-Canary: 1"),
        (CanaryRule(header="x:y"), "requests with x:y"),
        (CanaryRule(allow=("10.0.0.0/8", "::1")), "visitors from 10.0.0.0/8, ::1"),
    ],
)
def test_a_rule_that_somebody_fits_is_taken(rule: CanaryRule, said: str) -> None:
    check_canary(rule)
    assert str(rule) == said


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        (CanaryRule(), "needs visitors"),
        (CanaryRule(header="X-Canary"), "is not of the form"),
        (CanaryRule(header="X Canary: 1"), "is not of the form"),
        (CanaryRule(header="X-Canary: "), "is not of the form"),
        (CanaryRule(header=": 1"), "is not of the form"),
        (CanaryRule(header="X-Canary: 1\r\nHost: x"), "is not of the form"),
        (CanaryRule(percent=5, allow=("everywhere",)), "'everywhere' is not an address"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(rule: CanaryRule, word: str) -> None:
    with pytest.raises(UserMistake, match=word):
        check_canary(rule)
