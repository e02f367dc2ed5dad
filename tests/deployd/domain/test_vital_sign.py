"""Three misses in a row and a target is out; two successes in a row and it is back."""

import pytest

from deployd.domain.vital_sign import VitalSign


@pytest.mark.parametrize(
    ("answers", "out"),
    [
        ("", ""),
        ("+++", "..."),
        ("--", ".."),
        ("---", "..x"),
        ("--+--", "....."),
        ("----", "..xx"),
        ("---+", "..xx"),
        ("---++", "..xx."),
        ("---+-+", "..xxxx"),
        ("---+-++", "..xxxx."),
        ("---++--", "..xx..."),
        ("---++---", "..xx...x"),
    ],
)
def test_a_row_of_answers_decides(answers: str, out: str) -> None:
    sign, said = VitalSign(), ""
    for answer in answers:
        sign = sign.after(answer == "+")
        said += "x" if sign.out else "."
    assert said == out
