"""What people are told without having asked."""

from actors.bot.certificate_alert import SAME_NEWS_MS, TOGETHER_MS, CertificateAlerts, Trouble, trouble_post
from deployd.domain.deployment import Outcome
from deployd.domain.event import Event, EventType
from deployd.domain.ids import SYSTEM_APP, AppName, EventId
from deployd.domain.links import Links
from deployd.ports.chat import MAX_UNITS, units
from tests.actors.bot.world import ANN, BEN, EventData, World

NAME = "shop.example.com"


def failed(time_ms: int, reason: str = "DNS says nothing.", name: str = NAME) -> Event:
    data: EventData = {"reason": reason, "failures": 1, "try_ms": 300_000}
    return event(EventType.CERTIFICATE_FAILED, time_ms, name, data)


def event(kind: EventType, time_ms: int, name: str, data: EventData) -> Event:
    id = EventId(f"evt-{kind}-{name}-{time_ms}")
    return Event(id=id, type=kind, time_ms=time_ms, subject=name, app=AppName("shop"), data=data)


def test_a_failure_is_told_once_a_day_for_each_reason_and_name() -> None:
    alerts = CertificateAlerts()
    told = [
        alerts.of(one) is not None
        for one in (
            failed(0),
            failed(1),
            failed(2, "The authority asks for 3,600 s of patience."),
            failed(3, "The authority asks for 7,200 s of patience."),
            failed(4, name="blog.example.com"),
            failed(SAME_NEWS_MS - 1),
            failed(SAME_NEWS_MS),
        )
    ]
    assert told == [True, False, True, False, True, False, True]


def headline(trouble: Trouble | None) -> str | None:
    return None if trouble is None else trouble_post(trouble).text.splitlines()[0]


def test_names_with_the_same_trouble_share_a_message_for_a_while() -> None:
    alerts = CertificateAlerts()
    names = [f"{number}.example.com" for number in range(3)]
    times = dict(zip(names, (0, 9, TOGETHER_MS + 1), strict=True))
    told = [alerts.of(failed(at, f"No address for {name}.", name)) for name, at in times.items()]
    assert [headline(one) for one in told] == [
        "🔓 <b>shop</b>: no certificate for 0.example.com yet.",
        "🔓 No certificates yet for 2 names: 0.example.com, 1.example.com.",
        "🔓 <b>shop</b>: no certificate for 2.example.com yet.",
    ]
    over = alerts.of(event(EventType.CERTIFICATE_ISSUED, TOGETHER_MS + 2, names[1], {}))
    assert told[0] is not None
    assert over is not None
    assert over.key == told[0].key
    assert trouble_post(over).text.endswith("\n✅ Issued since: 1.example.com.")


def test_a_message_about_many_names_fits() -> None:
    alerts = CertificateAlerts()
    told = [alerts.of(failed(0, "😀" * 5000, f"{number}." + "n." * 124 + "com")) for number in range(400)]
    assert told[-1] is not None
    assert units(trouble_post(told[-1]).text) <= MAX_UNITS


def test_the_end_of_a_certificate_is_news_after_its_coming_end() -> None:
    alerts = CertificateAlerts()
    data: EventData = {"not_after_ms": 1000, "reason": None}
    posts = [alerts.of(event(EventType.CERTIFICATE_EXPIRING, at, NAME, data)) for at in (0, 500, 1500)]
    assert [headline(trouble) for trouble in posts] == [
        f"⚠️ <b>shop</b>: the certificate for {NAME} expires on 01 Jan 1970.",
        None,
        f"⚠️ <b>shop</b>: the certificate for {NAME} expired on 01 Jan 1970.",
    ]


def test_a_certificate_that_comes_ends_the_trouble_in_the_same_message() -> None:
    alerts = CertificateAlerts()
    trouble = alerts.of(failed(0))
    over = alerts.of(event(EventType.CERTIFICATE_ISSUED, 1, NAME, {}))
    assert trouble is not None
    assert over is not None
    assert trouble.key == over.key
    assert trouble_post(over).text.splitlines()[-1] == "✅ Issued since."
    assert alerts.of(event(EventType.CERTIFICATE_ISSUED, 2, NAME, {})) is None
    assert alerts.of(failed(3)) is not None


async def test_certificates_in_trouble_are_told_to_everybody(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        data: EventData = {"reason": "DNS says <nothing>.", "failures": 1, "try_ms": 300_000}
        for _ in range(3):
            await world.journal.note(EventType.CERTIFICATE_FAILED, shop, NAME, data)
        for user in (ANN, BEN):
            alert = await world.api.message(user, f"no certificate for {NAME} yet.")
            assert alert.text.splitlines()[1:] == ["DNS says <nothing>.", "The next try is on 01 Jan 00:05 UTC."]
            assert alert.labels == ["Logs"]
        await world.journal.note(EventType.CERTIFICATE_FAILED, SYSTEM_APP, "deployd.example.com", data)
        for user in (ANN, BEN):
            both = await world.api.message(user, f"No certificates yet for 2 names: {NAME}, deployd.example.com.")
            assert world.api.to(user) == [both]
            assert both.labels == []


async def test_a_release_that_was_taken_back_is_told_in_a_message_of_its_own(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.api.say(ANN, "/deploy shop")
        card = await world.api.message(ANN, "⏳ shop")
        deployment = await world.only_deployment(shop)
        await world.journal.end(deployment.id, Outcome.LIVE)
        await world.api.wait_for(lambda: "✅" in card.text)
        await world.journal.revert(deployment.id, "12 of 90 requests failed, so traffic went back to v1.")
        for user in (ANN, BEN):
            alert = await world.api.message(user, "lost the traffic again.")
            assert "so traffic went back to v1." in alert.text
        await world.api.wait_for(lambda: "reverted" in card.text)


async def test_a_release_that_never_became_live_is_told_the_same_way(world: World) -> None:
    shop = await world.add_app()
    async with world.running():
        await world.api.say(ANN, "/deploy shop")
        await world.api.message(ANN, "⏳ shop")
        await world.journal.end((await world.only_deployment(shop)).id, Outcome.REVERTED, "Errors while draining.")
        assert "Errors while draining." in (await world.api.message(BEN, "lost the traffic again.")).text


async def test_a_card_leads_to_https_as_soon_as_there_is_a_certificate(world: World) -> None:
    shop = await world.add_app()
    certified: set[str] = set()
    links = Links(http_port=8080, https_port=443, certified=certified.__contains__)
    async with world.running(url_of=links.to):
        await world.api.say(ANN, "/deploy shop")
        card = await world.api.message(ANN, "⏳ shop")
        await world.journal.end((await world.only_deployment(shop)).id, Outcome.LIVE)
        await world.api.wait_for(lambda: f"http://{NAME}:8080/" in card.text)
        certified.add(NAME)
        await world.journal.note(EventType.CERTIFICATE_ISSUED, shop, NAME, {})
        await world.api.wait_for(lambda: f"https://{NAME}/" in card.text)
        assert card.button("Open")["url"] == f"https://{NAME}/"
        assert world.api.to(ANN) == [card]


def test_what_was_told_is_remembered_of_a_bounded_number_of_names() -> None:
    count = 700
    alerts = CertificateAlerts()
    for number in range(count):
        alerts.of(failed(number, name=f"{number}.example.com"))
    assert alerts.of(failed(count, name="0.example.com")) is not None
    assert alerts.of(failed(count, name=f"{count - 1}.example.com")) is None
