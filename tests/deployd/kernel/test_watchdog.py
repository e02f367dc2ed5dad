import asyncio

import pytest

from deployd.kernel.watchdog import LoopWatchdog
from tests.deployd.kernel.stage import HandClock


class LateSleep:
    """A sleep on the hand clock that lasts longer than asked, as in a blocked loop; it ends the run after the last."""

    def __init__(self, clock: HandClock, lags: list[float]) -> None:
        self._clock = clock
        self._lags = iter(lags)

    async def __call__(self, seconds: float) -> None:
        lag = next(self._lags, None)
        if lag is None:
            raise asyncio.CancelledError
        self._clock.seconds += seconds + lag


async def watched(lags: list[float]) -> tuple[LoopWatchdog, HandClock, list[float]]:
    clock = HandClock()
    alarms: list[float] = []
    watchdog = LoopWatchdog(alarms.append, clock=clock, sleep=LateSleep(clock, lags), window_seconds=60)
    with pytest.raises(asyncio.CancelledError):
        await watchdog.run()
    return watchdog, clock, alarms


async def test_a_loop_in_time_raises_no_alarm() -> None:
    watchdog, _, alarms = await watched([0.0, 0.001, 0.049])
    assert alarms == []
    assert watchdog.worst_ms == pytest.approx(49)


async def test_a_blocked_loop_raises_the_alarm_with_its_lag() -> None:
    watchdog, _, alarms = await watched([0.0, 0.2, 0.01])
    assert alarms == [pytest.approx(200)]
    assert watchdog.worst_ms == pytest.approx(200)


async def test_the_worst_lag_is_forgotten_after_the_window() -> None:
    watchdog, clock, _ = await watched([0.2, 50.0 / 1000, 0.01])
    clock.seconds += 59.9
    assert watchdog.worst_ms < 200
    clock.seconds += 60
    assert watchdog.worst_ms == 0.0


async def test_a_later_smaller_lag_stays_known_when_the_worst_is_forgotten() -> None:
    watchdog, clock, _ = await watched([0.3, 40.0, 0.1, 0.02])
    assert watchdog.worst_ms == pytest.approx(40_000)
    clock.seconds += 59.9
    assert watchdog.worst_ms == pytest.approx(100)


async def test_a_really_blocked_loop_is_seen() -> None:
    import time

    lagged = asyncio.Event()
    watchdog = LoopWatchdog(lambda _: lagged.set(), interval_seconds=0.001, limit_ms=20)
    running = asyncio.create_task(watchdog.run())
    await asyncio.sleep(0)
    time.sleep(0.03)  # noqa: ASYNC251 - the very mistake it is there to find
    async with asyncio.timeout(2):
        await lagged.wait()
    running.cancel()
