import asyncio

import pytest

from deployd.kernel.dead_letters import DeadLetters, Undelivered
from deployd.kernel.errors import MailboxFull
from deployd.kernel.mailbox import Mailbox, Overflow
from deployd.kernel.ref import Ref
from tests.deployd.kernel.stage import Echo, HandClock, Line, Said


def letters(mailbox: Mailbox) -> list[object]:
    return list(mailbox.batch(100))


def full_mailbox(overflow: Overflow) -> Mailbox:
    mailbox = Mailbox("box", 2, overflow)
    assert mailbox.put("one")
    assert mailbox.put("two")
    return mailbox


def test_a_full_mailbox_rejects_and_keeps_the_message_as_a_dead_letter() -> None:
    mailbox = full_mailbox(Overflow.REJECT)
    assert not mailbox.put("three")
    assert letters(mailbox) == ["one", "two"]
    assert [(letter.message, letter.why) for letter in mailbox.dead_letters.latest()] == [
        ("three", Undelivered.OVERFLOW)
    ]


def test_drop_oldest_makes_room_for_the_newest() -> None:
    mailbox = full_mailbox(Overflow.DROP_OLDEST)
    assert mailbox.put("three")
    assert letters(mailbox) == ["two", "three"]
    assert [letter.message for letter in mailbox.dead_letters.latest()] == ["one"]


def test_drop_newest_counts_what_it_does_not_keep() -> None:
    mailbox = full_mailbox(Overflow.DROP_NEWEST)
    assert not mailbox.put("three")
    assert letters(mailbox) == ["one", "two"]
    assert mailbox.dead_letters.latest() == []
    assert mailbox.dead_letters.counts == {("box", Undelivered.OVERFLOW): 1}


def test_control_goes_ahead_even_when_it_arrives_in_the_middle_of_a_batch() -> None:
    mailbox = full_mailbox(Overflow.REJECT)
    batch = mailbox.batch(10)
    assert next(batch) == "one"
    assert mailbox.put_control("stop")
    assert list(batch) == ["stop", "two"]


def test_the_control_lane_takes_messages_when_data_is_full_but_is_bounded_too() -> None:
    mailbox = full_mailbox(Overflow.REJECT)
    assert [mailbox.put_control(n) for n in range(3)] == [True, True, False]
    assert letters(mailbox) == [0, 1, "one", "two"]


def test_a_batch_takes_no_more_than_its_size() -> None:
    mailbox = full_mailbox(Overflow.REJECT)
    assert list(mailbox.batch(1)) == ["one"]
    assert len(mailbox) == 1


def test_a_closed_mailbox_keeps_what_is_in_line_and_refuses_the_rest() -> None:
    mailbox = full_mailbox(Overflow.DROP_OLDEST)
    mailbox.close()
    assert not mailbox.put("three")
    assert not mailbox.put_control("four")
    assert letters(mailbox) == ["one", "two"]
    assert {letter.why for letter in mailbox.dead_letters.latest()} == {Undelivered.STOPPED}


@pytest.mark.parametrize("overflow", [Overflow.REJECT, Overflow.DROP_NEWEST])
async def test_an_asker_is_told_at_once_that_there_is_no_room(overflow: Overflow) -> None:
    ref: Ref[Line] = Ref("player", capacity=1, overflow=overflow)
    ref.tell(Said(word="first"))
    with pytest.raises(MailboxFull, match="player"):
        await ref.ask(Echo(word="second"), 60)
    assert ref.mailbox.dead_letters.total == 0


async def test_an_asker_who_is_pushed_out_of_the_line_is_told() -> None:
    ref: Ref[Line] = Ref("player", capacity=1, overflow=Overflow.DROP_OLDEST)
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(_failure_of_asking(ref))
        await asyncio.sleep(0)
        assert ref.tell(Said(word="newer"))
    assert isinstance(asking.result(), MailboxFull)


async def _failure_of_asking(ref: Ref[Line]) -> BaseException | None:
    try:
        await ref.ask(Echo(word="older"), 60)
    except MailboxFull as error:
        return error
    return None


def test_dead_letters_are_a_ring_but_the_count_goes_on() -> None:
    dead = DeadLetters(HandClock(), kept=2)
    for number in range(5):
        dead.add("box", number, Undelivered.STOPPED)
    assert [letter.message for letter in dead.latest()] == [3, 4]
    assert dead.total == 5
    assert dead.latest()[0].time_ms == 1_000_000


def test_a_mailbox_without_room_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Ref("player", capacity=0)
