"""What Jenkins' notifications and Leeroy's clients prove themselves by is changed while Gordon runs."""

import base64
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bot.adapters.hook_secrets import AGAIN_S, COUNTS_S, HookSecrets
from bot.adapters.jenkins_notifications import PATH as NOTIFICATION
from bot.adapters.jenkins_notifications import Notifications
from bot.adapters.leeroy_pages import METHODS, LeeroyPages
from bot.adapters.leeroy_pages import PATH as BUILD
from bot.adapters.web import Page, WebServer
from bot.settings import WebSettings
from tests.moved_clock import MovedClock

GOOD = b'{"url": "job/docker-prs/", "build": {"number": 42, "phase": "STARTED"}}'
ASKED = b'{"number":1,"repo":"moby/moby","context":"janky"}'
LET_IN = {200, 204}


class Door:
    """A server with both pages, which have one secret in a file between them."""

    def __init__(self, folder: Path) -> None:
        self.clock = MovedClock()
        self.file = folder / "secret"
        self.holds("first-word")
        secrets = HookSecrets("those who send", [(self.file, "")], self.clock, overlap_s=COUNTS_S)
        jenkins = Notifications({"ci": secrets}, lambda *hint: None, self.clock)
        leeroy = LeeroyPages(self._ask, self._ask, "leeroy", secrets, self.clock)
        pages = {NOTIFICATION: Page(jenkins.answer, hides=True), BUILD: Page(leeroy.answer, METHODS)}
        self.server = WebServer(WebSettings(port=0), pages)

    def holds(self, word: str) -> None:
        """Put a word into the file."""
        self.file.write_text(f"{word}\n")
        self.file.chmod(0o600)

    async def in_path(self, word: str) -> bool:
        return await self._post(f"{NOTIFICATION}/{word}", GOOD, "")

    async def as_password(self, word: str) -> bool:
        return await self._post(NOTIFICATION, GOOD, f"ci:{word}")

    async def as_leeroys(self, word: str) -> bool:
        return await self._post(f"{BUILD}/retry", ASKED, f"leeroy:{word}")

    async def _post(self, path: str, body: bytes, login: str) -> bool:
        headers = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}
        url = self.server.url + path
        async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
            return answer.status in LET_IN

    async def _ask(self, repo: str, number: int, context: str, ref: str) -> None:
        """Do nothing, well."""


WAYS = [
    pytest.param(Door.in_path, id="in-the-path"),
    pytest.param(Door.as_password, id="as-password"),
    pytest.param(Door.as_leeroys, id="leeroy"),
]
Way = Callable[[Door, str], Awaitable[bool]]


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Door]:
    door = Door(folder)
    await door.server.start()
    try:
        yield door
    finally:
        await door.server.stop()


@pytest.mark.parametrize("way", WAYS)
async def test_the_old_and_the_new_one_count_while_senders_learn_of_it(tmp_path: Path, way: Way) -> None:
    """F45: read again for one that does not fit, at most every half minute; the old one is over after a while."""
    async with opened(tmp_path) as door:
        assert [await way(door, word) for word in ("first-word", "second-word")] == [True, False]
        door.holds("second-word")
        assert not await way(door, "second-word")
        door.clock.move(AGAIN_S)
        assert [await way(door, word) for word in ("second-word", "first-word", "other-word")] == [True, True, False]
        door.clock.move(COUNTS_S)
        assert [await way(door, word) for word in ("second-word", "first-word")] == [True, False]


@pytest.mark.parametrize("way", WAYS)
async def test_a_file_that_everybody_may_read_is_not_taken(
    tmp_path: Path, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    """F45: what stood in it before still counts."""
    async with opened(tmp_path) as door:
        door.holds("second-word")
        door.file.chmod(0o644)
        door.clock.move(AGAIN_S)
        with caplog.at_level(logging.WARNING):
            assert [await way(door, word) for word in ("second-word", "first-word")] == [False, True]
        assert "everybody may read the secret of those who send; run: chmod o-r" in caplog.text
        assert "-word" not in caplog.text
