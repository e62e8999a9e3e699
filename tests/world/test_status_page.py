"""The status page in a real browser: seen and read by all, live, on a phone, in the dark, without script."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from bot.demo.jenkins.model import Plan
from bot.demo.jenkins.nodes import Agent
from bot.demo.world import World
from bot.testing import Gordon, running
from tests.rigs.chromium import chromium
from tests.status_rig import EMPTY, a_day, a_large_one, shown

pytestmark = pytest.mark.asyncio(loop_scope="module")
# Width, height and scheme; 320 wide is a desk of 1280 at 400 %.
SCREENS = {"desk": (1280, 900, "light"), "phone": (390, 844, "dark"), "zoomed": (320, 500, "light")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as started:
        yield started


@asynccontextmanager
async def opened(browser: Browser, url: str, **how: Any) -> AsyncIterator[tuple[Page, list[str]]]:
    """Open a page in a browser of its own kind; with it comes all that the browser complains of."""
    context = await browser.new_context(**how)
    page = await context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    try:
        await page.goto(url)
        yield page, said
    finally:
        await context.close()


@asynccontextmanager
async def showing(folder: Path) -> AsyncIterator[tuple[Gordon, str]]:
    """A Gordon with a status page, in a world with a pull request of somebody who means ill."""
    async with World(folder, agents=[Agent("builder-1", executors=2)]) as world:
        world.config.write_text(f"{world.config.read_text()}\n[web]\nport = 0\n")
        async with running(folder, world=world) as gordon:
            assert gordon.app.web is not None
            await gordon.app.web.listening.wait()
            yield gordon, gordon.app.web.url


@pytest.mark.parametrize("screen", SCREENS)
async def test_nothing_is_hard_to_see_to_read_or_to_reach(browser: Browser, screen: str) -> None:
    width, height, scheme = SCREENS[screen]
    how = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
    async with shown(a_day()) as listener, opened(browser, listener.url, **how) as (page, said):
        if screen != "zoomed":  # which differs from a phone by its width alone
            found = await Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "Skip to what runs"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        assert said == []


async def test_a_gordon_that_has_seen_nothing_and_one_that_has_seen_too_much_are_as_good(browser: Browser) -> None:
    for overview in (EMPTY, a_large_one()):
        async with shown(overview) as listener, opened(browser, listener.url) as (page, said):
            for width, _, _ in SCREENS.values():
                await page.set_viewport_size({"width": width, "height": 800})
                assert await page.evaluate("document.documentElement.scrollWidth") <= width
            assert said == []


async def test_what_a_command_does_is_seen_without_a_reload(browser: Browser, tmp_path: Path) -> None:
    async with showing(tmp_path) as (gordon, url):
        gordon.world.build_of(lambda starting: Plan("FAILURE", 2.0))
        async with opened(browser, url) as (page, said):
            await page.wait_for_selector("#live:has-text('Live')")
            await page.evaluate("window.isTheSame = true")
            await page.locator("#running:has-text('Nothing runs.')").wait_for()
            await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
            await page.locator("#trail tr:has-text('tianon'):has-text('rebuild')").wait_for()
            await page.locator("#verdicts tr:has-text('janky #1')").wait_for()
            assert await page.evaluate("window.isTheSame")
            assert said == []


async def test_who_allows_no_script_reads_all_of_it(browser: Browser, tmp_path: Path) -> None:
    async with shown(a_day()) as listener, opened(browser, listener.url, java_script_enabled=False) as (page, _):
        told = await page.inner_text("body")
        assert "moby#48131" in told
        assert "As of 22 Nov 14:05:12" in told
        assert await page.locator("noscript meta[http-equiv=refresh]").count() == 1


async def test_a_title_that_is_a_script_is_text(browser: Browser) -> None:
    async with shown(a_day()) as listener, opened(browser, listener.url) as (page, said):
        await page.locator("#pulls th:has-text('<script>alert(1)</script>')").wait_for()
        assert (await page.title()).startswith("Gordon: Look at this") or "not well" in await page.title()
        assert said == []


async def test_a_page_that_hears_nothing_any_more_says_since_when(browser: Browser) -> None:
    async with shown(a_day()) as listener, opened(browser, listener.url) as (page, _):
        await page.wait_for_selector("#live:has-text('Live')")
        await listener.server.stop()
        await page.wait_for_selector("#live.lost:has-text('Not live since')")
