"""A loop that is held up again and again is told of once a minute, with times."""

from deployd.kernel.lag_report import LagReport


class Watch:
    """A clock that the test turns, in seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def now_ms(self) -> int:
        return int(self.now * 1000)


def test_the_first_lag_is_told_at_once_and_then_one_sentence_a_minute() -> None:
    said: list[str] = []
    clock = Watch()
    report = LagReport(said.append, clock, lambda time_ms: f"second {time_ms // 1000}")
    report(61)
    for lag in (70, 612, 55):
        clock.now += 10
        report(lag)
    assert said == ["The event loop was held up for 61 ms at second 1000."]
    clock.now += 40
    report(52)
    assert said[1:] == ["The event loop was held up 4 times since second 1010, for 612 ms at worst (second 1020)."]
    clock.now += 500
    report(80)
    assert said[2:] == ["The event loop was held up for 80 ms at second 1570."]
