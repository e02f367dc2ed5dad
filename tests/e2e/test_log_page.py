"""The log page in a real browser, over the real handlers, LogActor and store."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

import pytest
from playwright.async_api import Browser, Locator, Page, Route, async_playwright, expect

from deployd.config import AppConfig
from deployd.domain.edge import Canary
from deployd.domain.log_line import Level, Source
from deployd.logs.figures import Cause
from deployd.messages.log import OpenTail
from tests.support.log_lines import BLOG, SHOP, line
from tests.support.log_site import LogSite, an_app, log_site

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DIST = Path(__file__).parents[2] / "web" / "ui" / "dist"

expect.set_options(timeout=30_000)  # A browser beside other tests on a busy machine is slow.


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[LogSite]:
    if not (DIST / "index.html").exists():
        _missing("the log page is not built (make setup)")
    async with log_site(tmp_path) as site:
        yield site


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        _missing("there is no chromium (apt-get install chromium)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """Any error the page throws fails the test."""
    page = await browser.new_page(viewport={"width": 1280, "height": 800})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    await page.close()
    assert errors == []


def _missing(what: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


async def _open(page: Page, site: LogSite, query: str = "") -> None:
    await page.goto(f"{site.url}/logs{query}")
    await expect(page.get_by_role("status")).to_have_text("Live")


def _texts(page: Page) -> Locator:
    return page.locator("li.row .text")


async def test_lines_appear_as_they_are_written(site: LogSite, page: Page) -> None:
    site.say(line("from before"))
    await _open(page, site)
    await expect(_texts(page)).to_have_text(["from before"])
    site.say(line("\x1b[31mred\x1b[0m alert"), line("elsewhere", BLOG), line("v3 is live", source=Source.DEPLOYD))
    await expect(_texts(page)).to_have_text(["from before", "red alert", "elsewhere", "v3 is live"])
    await expect(page.locator(".a1")).to_have_text("red")
    await expect(page.locator("li.row b")).to_have_text(["shop", "shop", "blog", "shop"])
    await expect(page.locator("li.marker .text")).to_have_text("v3 is live")


async def test_a_line_is_text_and_never_markup(site: LogSite, page: Page) -> None:
    evil = "<img src=x onerror=\"document.title='broken'\"> \x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07"
    site.say(line(evil))
    await _open(page, site)
    await expect(_texts(page)).to_have_text(["<img src=x onerror=\"document.title='broken'\"> link"])
    await expect(page.locator("main img, main a")).to_have_count(0)


async def test_app_level_and_text_choose_what_is_shown(site: LogSite, page: Page) -> None:
    for number in range(3):
        site.say(line(f"shop info {number}"), line(f"blog error {number}", BLOG, level=Level.ERROR))
    await _open(page, site)
    await expect(_texts(page)).to_have_count(6)
    await page.get_by_label("Level").select_option("error")
    await expect(_texts(page)).to_have_text([f"blog error {number}" for number in range(3)])
    site.say(line("quiet"), line("shop error", level=Level.ERROR))
    await expect(_texts(page)).to_have_count(4)
    await page.get_by_label("App").select_option("shop")
    await expect(_texts(page)).to_have_text(["shop error"])
    await page.get_by_label("Level").select_option("debug")
    await page.keyboard.press("Escape")
    await page.keyboard.press("/")
    await page.keyboard.type("INFO 1")
    await expect(_texts(page)).to_have_text(["shop info 1"])
    await expect(page.locator("mark")).to_have_text("info 1")
    await expect(page).to_have_url(re.compile(r"\?app=shop&q=INFO\+1$"))


async def test_pausing_holds_the_page_still_and_counts_what_is_new(site: LogSite, page: Page) -> None:
    site.say(line("first"))
    await _open(page, site)
    await expect(_texts(page)).to_have_count(1)
    await page.keyboard.press("p")
    site.say(*(line(str(number)) for number in range(12)))
    await page.get_by_role("button", name="12 new lines").click()
    await expect(_texts(page)).to_have_count(13)


async def test_scrolling_up_pauses_and_the_end_goes_on(site: LogSite, page: Page) -> None:
    site.say(*(line(f"line {number}") for number in range(200)))
    await _open(page, site)
    last = _texts(page).last
    await expect(last).to_be_in_viewport()
    await page.locator("main").hover()
    await page.mouse.wheel(0, -600)
    await expect(page.get_by_role("button", name="Resume")).to_be_visible()
    site.say(line("new"))
    await expect(page.get_by_role("button", name="1 new line")).to_be_visible()
    await page.mouse.wheel(0, 10_000)
    await expect(last).to_have_text("new")
    await expect(last).to_be_in_viewport()


async def test_an_app_that_does_not_exist_or_was_removed_is_told(site: LogSite, page: Page) -> None:
    trouble = page.locator("main .empty")
    await page.goto(f"{site.url}/logs?app=shpo")
    await expect(trouble).to_have_text("There is no app named 'shpo'.")
    await _open(page, site, "?app=shop")
    await expect(trouble).to_have_text("Waiting for the first line…")
    site.apps.clear()
    await site.stop()
    await site.start()
    await expect(trouble).to_have_text("There is no app named 'shop'.")


async def test_the_page_comes_back_by_itself_without_a_hole_or_a_duplicate(site: LogSite, page: Page) -> None:
    site.say(line("0"), line("1", BLOG))
    await _open(page, site)
    await expect(_texts(page)).to_have_count(2)
    await site.stop()
    await expect(page.get_by_role("status")).not_to_have_text("Live")
    site.say(line("2"), line("3", BLOG))
    await site.start()
    await expect(page.get_by_role("status")).to_have_text("Live")
    site.say(line("4"))
    await expect(_texts(page)).to_have_text([str(number) for number in range(5)])


async def test_events_take_over_where_no_websocket_gets_through(site: LogSite, page: Page) -> None:
    await page.add_init_script(
        "window.WebSocket = class { constructor() { setTimeout(() => this.onclose?.(), 0) } close() {} }"
    )
    site.say(line("before"))
    await _open(page, site)
    site.say(line("after"))
    await expect(_texts(page)).to_have_text(["before", "after"])


async def test_a_page_that_cannot_keep_up_shows_what_it_skipped(site: LogSite, page: Page) -> None:
    released = asyncio.Event()

    async def answer_late(route: Route) -> None:
        await released.wait()
        await route.fulfill(status=204)

    await page.route("**/late", answer_late)
    await _open(page, site, "?app=shop")
    # The page's thread stands still: what the server sends fills the socket, then this viewer's queue.
    busy = asyncio.create_task(
        page.evaluate("const late = new XMLHttpRequest(); late.open('GET', '/late', false); late.send();")
    )
    quick = await site.log.ask(OpenTail(app=SHOP), timeout_seconds=5)
    async with asyncio.timeout(60):
        while not site.figures.dropped[Cause.SLOW_VIEWER]:
            site.say(*(line("x" * 2_000) for _ in range(500)))
            received = 0
            while received < 500:
                received += len(await quick.next_batch())
    released.set()
    await busy
    gap = page.locator("li.gap").last
    await expect(gap).to_contain_text(re.compile(r"[\d,]+ lines? of shop skipped"))
    site.say(line("the end"))
    await expect(_texts(page).last).to_have_text("the end")
    skipped = await gap.locator("span").inner_text()
    await page.keyboard.press("p")
    await gap.get_by_role("button", name="Load them").click()
    # What is too much for one load stays behind as a smaller gap.
    await expect(page.get_by_text(skipped)).to_have_count(0)


async def test_what_is_wrong_with_deployd_stands_on_top(site: LogSite, page: Page) -> None:
    site.problems.append("The configuration was refused: line 3 is not TOML.")
    await _open(page, site)
    await expect(page.get_by_role("alert")).to_have_text("The configuration was refused: line 3 is not TOML.")


async def test_a_warning_stands_on_top_until_it_was_read(site: LogSite, page: Page) -> None:
    site.warnings += ["The certificate for shop.test expires on 2031-05-01.", "deployd runs as root."]
    await _open(page, site)
    notes = page.get_by_role("note")
    await expect(notes).to_contain_text(["The certificate for shop.test expires on 2031-05-01."])
    await page.get_by_role("button", name="1 more").click()
    await expect(notes).to_have_count(2)
    await notes.filter(has_text="as root").get_by_role("button", name="Hide").click()
    await expect(notes).to_contain_text(["The certificate for shop.test expires on 2031-05-01."])
    await page.reload()
    await expect(notes).to_have_count(1)
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_what_visitors_get_instead_of_an_app_is_marked(site: LogSite, page: Page) -> None:
    canary = Canary(release=2, percent=5.0, header="X-Canary: 1")
    site.apps = [
        an_app("blog", maintenance="Back at ten."),
        an_app("shop", canary=canary),
        an_app("wiki", closed_because="Its process exits at once."),
    ]
    await _open(page, site)
    notes = page.get_by_role("note")
    closed = "blog is in maintenance; visitors read: Back at ten."
    shared = "v2 of shop is a canary for 5 % of the visitors, requests with X-Canary: 1."
    down = "wiki is down (v1): Its process exits at once."
    await expect(notes).to_have_text([down, closed, shared])
    await expect(page.get_by_label("App").locator("option")).to_have_text(
        ["All apps", "blog · maintenance", "shop · canary v2", "wiki · down", "deployd itself"]
    )
    await page.get_by_label("App").select_option("shop")
    await expect(notes).to_have_text(
        ["shop: serving v1, v2 is a canary for 5 % of the visitors, requests with X-Canary: 1."]
    )
    await page.get_by_label("App").select_option("blog")
    await expect(notes).to_have_text(["blog: in maintenance (serving v1).", "blog: visitors read: Back at ten."])


async def test_an_app_is_told_with_what_serves_what_failed_and_who_owns_its_settings(site: LogSite, page: Page) -> None:
    site.apps = [an_app("shop", failed=True, declared=AppConfig(repo="/srv/repo", health="/up"))]
    site.broken = {"blog": "The app blog cannot be read from the database: it is damaged."}
    await _open(page, site, "?app=shop")
    await expect(page.get_by_role("note")).to_have_text(
        [
            "shop: serving v1; the last deployment failed. Its settings are those of deployd.toml.",
            re.compile("^shop: `health` is .*, and deployd.toml says"),
        ]
    )
    await page.get_by_label("App").select_option("")
    await expect(page.get_by_role("note").first).to_have_text(
        "blog is broken: The app blog cannot be read from the database: it is damaged."
    )


async def test_the_newest_line_stays_in_view_when_a_banner_appears(site: LogSite, page: Page) -> None:
    site.say(*(line(f"line {number}") for number in range(100)))
    asked = asyncio.Event()
    released = asyncio.Event()

    async def answer_late(route: Route) -> None:
        asked.set()
        await released.wait()
        await route.continue_()

    await page.route("**/readyz", answer_late)
    site.problems += ["One.", "Two.", "Three."]
    await _open(page, site)
    await expect(_texts(page).last).to_be_in_viewport()
    await asked.wait()
    released.set()
    await expect(page.get_by_role("alert")).to_have_count(3)
    await expect(_texts(page).last).to_be_in_viewport()


async def test_many_banners_leave_a_phone_room_for_lines(site: LogSite, page: Page) -> None:
    await page.set_viewport_size({"width": 360, "height": 640})
    site.problems += [f"Problem {number}: " + "word " * 20 for number in range(10)]
    await _open(page, site)
    await expect(page.get_by_role("alert")).to_have_count(10)
    height = await page.evaluate("document.querySelector('main').clientHeight")
    assert height > 640 / 3


async def test_a_phone_sees_whole_lines_without_scrolling_sideways(site: LogSite, page: Page) -> None:
    await page.set_viewport_size({"width": 360, "height": 640})
    site.say(line("word " * 60), line("x" * 500))
    await _open(page, site)
    await expect(_texts(page)).to_have_count(2)
    width = await page.evaluate("[document.documentElement, document.querySelector('main')].map((e) => e.scrollWidth)")
    assert width == [360, 360]


async def test_a_filter_that_is_typed_into_a_paused_page_leaves_it_paused(site: LogSite, page: Page) -> None:
    site.say(*(line(f"line {number}") for number in range(200)))
    await _open(page, site)
    await expect(_texts(page).last).to_be_in_viewport()
    await page.locator("main").hover()
    await page.mouse.wheel(0, -600)
    await expect(page.get_by_role("button", name="Resume")).to_be_visible()
    await page.get_by_label("Text filter").fill("line 12")
    await expect(_texts(page)).to_have_count(11)
    site.say(line("line 1234"))
    await expect(page.get_by_role("button", name="1 new line")).to_be_visible()
    await expect(_texts(page)).to_have_count(11)
    await page.get_by_role("button", name="Resume").click()
    await expect(_texts(page)).to_have_count(12)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("fetch 10%\rfetch 50%\rfetch 100%", "fetch 100%"),
        ("\x1b[2K\x1b[1G⠋ one\x1b[2K\x1b[1G⠙ one\x1b[2K\x1b[GDone", "Done"),
        ("kept\r\x1b[0m", "kept"),
    ],
)
async def test_a_line_that_was_written_over_shows_what_a_terminal_shows_in_the_end(
    site: LogSite, page: Page, written: str, shown: str
) -> None:
    site.say(line(written))
    await _open(page, site)
    await expect(_texts(page)).to_have_text([shown])
    await page.get_by_label("Text filter").fill("10%")
    await expect(_texts(page)).to_have_count(int("10%" in shown))


async def test_a_filter_that_finds_nothing_says_how_far_it_looked(site: LogSite, page: Page) -> None:
    site.say(*(line(f"line {number}") for number in range(100)))
    await _open(page, site, "?q=nowhere")
    await expect(page.get_by_text("None of the newest 100 lines contains “nowhere”.")).to_be_visible()
