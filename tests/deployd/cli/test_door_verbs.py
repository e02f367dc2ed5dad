"""pause, resume, maintenance and hash-password as they are typed."""

import pytest

from deployd.domain.ids import AppName
from deployd.domain.route import Route
from deployd.messages.deploy import SetMaintenance
from deployd.proxy.door.password import password_fits
from deployd.proxy.proxy import Proxy
from tests.deployd.cli.conftest import Run, run_here
from tests.web.bench import Bench

SHOP = AppName("shop")


async def test_an_app_is_paused_and_resumed(run: Run, bench: Bench, proxy: Proxy) -> None:
    await bench.add_app()
    proxy.switch(Route(app=SHOP, hosts=("shop.test",)))
    assert "wait for up to 10 s" in (await run("pause", "shop", "--seconds", "10")).out
    assert "0 requests of shop go on" in (await run("resume", "shop")).out
    assert (await run("pause", "shop", "--json")).json == {"paused": "shop", "seconds": 30.0}
    assert (await run("resume", "shop", "--json")).json == {"held": 0, "longest_seconds": 0.0}


async def test_what_cannot_be_paused_is_told_why(run: Run, bench: Bench, proxy: Proxy) -> None:
    assert "ghost" in (await run("pause", "ghost")).err
    await bench.add_app()
    refused = await run("pause", "shop")
    assert (refused.code, refused.err) == (1, "App 'shop' has no route yet: deploy it first.\n")
    proxy.switch(Route(app=SHOP, hosts=("shop.test",)))
    assert (await run("resume", "shop")).err == "App 'shop' is not paused.\n"


@pytest.mark.parametrize("seconds", ["0", "31", "-1", "soon"])
async def test_a_pause_is_at_most_half_a_minute(run: Run, seconds: str) -> None:
    assert (await run("pause", "shop", "--seconds", seconds)).code == 2


async def test_maintenance_is_begun_shown_and_ended(run: Run, bench: Bench) -> None:
    await bench.add_app()
    begun = await run("maintenance", "shop", "on", "--text", "Back at [ten].")
    assert begun.out == "shop is in maintenance; visitors read: Back at [ten].\n"
    assert bench.orders[-1] == SetMaintenance(app="shop", text="Back at [ten].", by="cli")
    assert "in maintenance (nothing deployed yet)" in (await run("apps")).out
    assert "Visitors read: Back at [ten]." in (await run("status", "shop")).out
    assert (await run("status", "shop", "--json")).json["app"]["maintenance"] == "Back at [ten]."
    assert (await run("maintenance", "shop", "off")).out == "shop is open again.\n"
    assert "maintenance" not in (await run("apps")).out


async def test_maintenance_has_a_text_of_its_own(run: Run, bench: Bench) -> None:
    await bench.add_app()
    assert "be back soon" in (await run("maintenance", "shop", "on")).out


@pytest.mark.parametrize("argv", [("shop",), ("shop", "maybe"), ("shop", "off", "--text", "x")])
async def test_maintenance_is_either_on_or_off(run: Run, argv: tuple[str, ...]) -> None:
    assert (await run("maintenance", *argv)).code == 2


def test_a_password_is_hashed_from_stdin() -> None:
    made = run_here("hash-password", stdin="open sesame\n")
    assert made.code == 0
    assert password_fits(b"open sesame", made.out.strip())
    assert password_fits("pä ß".encode(), run_here("hash-password", "--json", stdin="pä ß").json["hash"])


def test_no_password_is_no_hash() -> None:
    refused = run_here("hash-password", stdin="\n")
    assert (refused.code, refused.out) == (1, "")
