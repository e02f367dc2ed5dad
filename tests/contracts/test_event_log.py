"""What an EventLog promises."""

import asyncio

from deployd.domain.event import EventType
from deployd.ports.stores import Stores
from tests.contracts.samples import BLOG, an_event


async def test_an_event_comes_back_as_it_was_recorded(stores: Stores) -> None:
    event = an_event(
        type=EventType.INSTANCE_CRASHED,
        correlation="dep-1",
        causation="evt-0",
        data={"text": "5", "number": 5, "part": 0.5, "yes": True, "nothing": None},
    )
    await stores.events.record(event)
    assert await stores.events.recent(1) == [event]


async def test_recent_ones_come_newest_first_even_within_a_millisecond(stores: Stores) -> None:
    events = [an_event(number) for number in (5, 3, 4)]
    for event in events:
        await stores.events.record(event)
    assert await stores.events.recent(2) == [events[2], events[1]]


async def test_recent_ones_of_an_app_are_only_its_own(stores: Stores) -> None:
    for event in (an_event(1), an_event(2, app=BLOG), an_event(3, app=None)):
        await stores.events.record(event)
    assert await stores.events.recent(10, "blog") == [an_event(2, app=BLOG)]


async def test_every_feed_hears_every_event_in_order_and_after_it_is_durable(stores: Stores) -> None:
    feeds = [stores.events.subscribe() for _ in range(2)]
    hearing = [asyncio.ensure_future(feed.next()) for feed in feeds]
    await stores.events.record(an_event(1))
    assert [await one for one in hearing] == [an_event(1), an_event(1)]
    assert await stores.events.recent(10) == [an_event(1)]
    await stores.events.record(an_event(2))
    await stores.events.record(an_event(3))
    assert [await feeds[0].next(), await feeds[0].next()] == [an_event(2), an_event(3)]


async def test_a_feed_hears_nothing_from_before_it_was_opened_or_after_it_was_closed(stores: Stores) -> None:
    await stores.events.record(an_event(1))
    closed, open_feed = stores.events.subscribe(), stores.events.subscribe()
    closed.close()
    await stores.events.record(an_event(2))
    assert await open_feed.next() == an_event(2)
    waiting = asyncio.ensure_future(closed.next())
    await asyncio.wait({waiting}, timeout=0.05)
    assert waiting.cancel()
