from typing import Any

import msgspec
import pytest

from actors.bot.crash_card import SAME_TROUBLE_MS, Crashes, counted, crash_card
from actors.bot.deployment_card import deployment_card
from actors.bot.post import Post
from deployd.domain.deployment import Deployment, Outcome, Stage, StageEntry, SwitchReport, Trigger
from deployd.domain.event import Event, EventType
from deployd.domain.ids import AppName, DeploymentId, EventId
from deployd.ports.chat import MAX_UNITS, units

URL = "https://shop.example.com"
QUEUED = Deployment(
    id=DeploymentId("dep-1"), app=AppName("shop"), trigger=Trigger.API, by="ci", stage=Stage.QUEUED, requested_ms=1000
)
JOURNAL = [
    StageEntry(stage=Stage.QUEUED, entered_ms=1000),
    StageEntry(stage=Stage.FETCHING, entered_ms=1500),
    StageEntry(stage=Stage.BUILDING, entered_ms=2000),
]


def changed(**fields: Any) -> Deployment:
    return msgspec.structs.replace(QUEUED, **fields)


def ended(outcome: Outcome, **fields: Any) -> Deployment:
    return changed(stage=Stage.ENDED, outcome=outcome, ended_ms=76_000, **fields)


def labels(post: Post) -> list[str]:
    return [button.label for row in post.buttons for button in row]


@pytest.mark.parametrize(
    ("deployment", "shown", "hidden", "buttons"),
    [
        (QUEUED, ["⏳ <b>shop</b>: queued", "by ci"], [URL], ["Cancel", "Logs"]),
        (
            changed(stage=Stage.BUILDING, ref="main", commit="1a2b3c4d5e", commit_message="A & B\n\nMore"),
            ["main at 1a2b3c4: A &amp; B", "✓ fetching 0.5 s", "▸ building"],
            ["More", "✓ building"],
            ["Cancel", "Logs"],
        ),
        (
            ended(Outcome.LIVE, release=4),
            ["✅ <b>shop</b> v4: live after 1 min 15 s", URL],
            [],
            ["Open", "Logs", "Roll back"],
        ),
        (
            ended(Outcome.FAILED, reason="npm ci exited with 1 <err>."),
            ["❌ <b>shop</b>: failed while building", "npm ci exited with 1 &lt;err&gt;."],
            [URL],
            ["Logs", "Roll back"],
        ),
        (ended(Outcome.CANCELLED), ["🚫"], [URL, "while"], ["Logs"]),
        (ended(Outcome.SUPERSEDED, reason="Superseded by dep-2."), ["Superseded by dep-2."], [URL], ["Logs"]),
        (ended(Outcome.INTERRUPTED), ["⚠️"], [URL], ["Logs"]),
        (
            ended(Outcome.LIVE, switch=SwitchReport(served_by_new=12)),
            ["Switched: 0 of 12 requests failed"],
            [],
            ["Open", "Logs", "Roll back"],
        ),
        (ended(Outcome.CANARY, release=2), ["🐤 <b>shop</b> v2: canary"], [URL], ["Logs"]),
        (
            ended(Outcome.REVERTED, release=2, reason="Traffic went back to v1.", switch=SwitchReport()),
            ["↩️ <b>shop</b> v2: reverted", "Traffic went back to v1."],
            [URL, "Switched"],
            ["Logs"],
        ),
        (
            changed(trigger=Trigger.ROLLBACK, release=2),
            ["<b>shop</b> v2: queued", "rollback by ci"],
            [],
            ["Cancel", "Logs"],
        ),
    ],
)
def test_a_card_says_what_is_true_now(
    deployment: Deployment, shown: list[str], hidden: list[str], buttons: list[str]
) -> None:
    journal = JOURNAL if deployment.stage is not Stage.QUEUED else JOURNAL[:1]
    post = deployment_card(deployment, journal, 80_000, URL)
    assert [text for text in shown if text not in post.text] == []
    assert [text for text in hidden if text in post.text] == []
    assert labels(post) == buttons


def test_the_longest_card_fits_a_message() -> None:
    deployment = ended(
        Outcome.LIVE, ref="r" * 250, commit_message="😀" * 5000, reason="😀" * 5000, by="b" * 64, release=999_999
    )
    assert units(deployment_card(deployment, JOURNAL, 0, "https://" + "h" * 253).text) <= MAX_UNITS


def crash(time_ms: int, process: str = "web.1", last_lines: str | None = None) -> Event:
    return Event(
        id=EventId("evt-1"),
        type=EventType.INSTANCE_CRASHED,
        time_ms=time_ms,
        subject="ins-1",
        app=AppName("shop"),
        data={"process": process, "exit": "was killed by SIGSEGV", "last_lines": last_lines},
    )


def count(*times_ms: int) -> list[Crashes]:
    crashes: list[Crashes] = []
    for time_ms in times_ms:
        crashes.append(counted(crash(time_ms), crashes[-1] if crashes else None))
    return crashes


def test_crashes_are_counted_in_one_card_until_a_quiet_time() -> None:
    first, second, later = count(0, SAME_TROUBLE_MS, 2 * SAME_TROUBLE_MS + 1)
    assert (first.count, second.count, later.count) == (1, 2, 1)
    assert first.key == second.key != later.key
    assert "(2 times by now)" in crash_card(second).text


def test_the_last_lines_of_a_crash_are_shown_as_they_are_and_never_too_long() -> None:
    text = crash_card(counted(crash(0, last_lines="<a>\n" + "y" * 9000 + "\n\x1b[31mred\x1b[0m\x00"), None)).text
    assert text.startswith("🔥 <b>shop</b>: web.1 was killed by SIGSEGV.\n<pre>&lt;a&gt;\n")
    assert text.endswith("…\nred</pre>")
    assert units(text) <= MAX_UNITS


def test_a_crash_without_any_particulars_still_makes_a_card() -> None:
    event = msgspec.structs.replace(crash(0), data={})
    assert crash_card(counted(event, None)).text == "🔥 <b>shop</b>: a process ended."
