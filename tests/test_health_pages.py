"""The pages for whoever watches Gordon: what they tell, and that they tell strangers nothing of people."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest

from bot.adapters.health_pages import HEALTH, PING, READING, HealthPages
from bot.adapters.web import Page, WebServer
from bot.errors import StorageError
from bot.health import Part
from bot.settings import WebSettings

WORK = Part("work", {"waiting": 3, "lag_s": 0.1}, is_vital=True)
LIBERA = Part("IRC libera", {"connected": False}, is_well=False)


class Watched:
    """A program that is watched."""

    def __init__(self) -> None:
        self.reads = 0
        self.problem: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()
        self.told: list[Part] = [WORK, LIBERA]

    async def read_disk(self) -> None:
        self.reads += 1
        await self.answers.wait()
        if self.problem is not None:
            raise self.problem

    def parts(self) -> Sequence[Part]:
        return self.told


class Pages:
    def __init__(self) -> None:
        self.program = Watched()
        made = HealthPages(self.program, lambda: [Part("webhooks", {"taken": {"fresh": 2}})], disk_within_s=0.1)
        self.server = WebServer(
            WebSettings(port=0), {PING: Page(made.ping, READING), HEALTH: Page(made.health, READING)}
        )

    async def ask(self, path: str, method: str = "GET") -> tuple[int, str, Any]:
        """Tell the status, the type and the body of an answer."""
        async with aiohttp.ClientSession() as session, session.request(method, self.server.url + path) as answer:
            body = await answer.json() if answer.content_type == "application/json" and method == "GET" else None
            return answer.status, answer.content_type, body if body is not None else await answer.text()


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    made = Pages()
    await made.server.start()
    yield made
    await made.server.stop()


async def test_ping_is_answered_while_the_disk_can_be_read(pages: Pages) -> None:
    assert await pages.ask(PING) == (200, "text/plain", "pong\n")


@pytest.mark.parametrize("path", [PING, HEALTH])
async def test_many_who_ask_cost_one_look(pages: Pages, path: str) -> None:
    answers = await asyncio.gather(*(pages.ask(path) for _ in range(20)))
    assert {status for status, _, _ in answers} == {200}
    assert pages.program.reads == 1


@pytest.mark.parametrize(
    ("is_slow", "problem", "word"),
    [
        pytest.param(True, None, "the disk does not answer within 0.1 s\n", id="F28-slow"),
        pytest.param(False, StorageError("/secret/gordon.db: I/O"), "the database cannot be read\n", id="F28-broken"),
    ],
)
async def test_a_disk_that_does_not_answer_is_told_with_a_word(
    pages: Pages, is_slow: bool, problem: Exception | None, word: str
) -> None:
    pages.program.problem = problem
    if is_slow:
        pages.program.answers.clear()
    assert await pages.ask(PING) == (503, "text/plain", word)
    status, kind, body = await pages.ask(HEALTH)
    assert (status, kind, body["well"]) == (503, "application/json", False)
    assert body["parts"]["disk"] == {"well": False, "problem": word.strip()}


async def test_health_tells_of_each_part(pages: Pages) -> None:
    assert await pages.ask(HEALTH) == (
        200,
        "application/json",
        {
            "well": True,
            "parts": {
                "disk": {"well": True, "problem": None},
                "work": {"well": True, "waiting": 3, "lag_s": 0.1},
                "IRC libera": {"well": False, "connected": False},
                "webhooks": {"well": True, "taken": {"fresh": 2}},
            },
        },
    )


async def test_nothing_is_well_without_a_vital_part(pages: Pages) -> None:
    pages.program.told = [Part("work", is_well=False, is_vital=True)]
    status, _, body = await pages.ask(HEALTH)
    assert (status, body["well"], body["parts"]["work"]) == (503, False, {"well": False})
    assert (await pages.ask(PING))[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("HEAD", PING, 200, id="head-of-ping"),
        pytest.param("HEAD", HEALTH, 200, id="head-of-health"),
        pytest.param("POST", PING, 405, id="post-to-ping"),
        pytest.param("DELETE", HEALTH, 405, id="delete"),
        pytest.param("GET", PING + "/x", 404, id="below-ping"),
        pytest.param("GET", HEALTH + "/x", 404, id="below-health"),
        pytest.param("GET", HEALTH + "x", 404, id="beside-health"),
        pytest.param("GET", "/", 404, id="root"),
        pytest.param("GET", "/metrics", 404, id="what-others-have"),
    ],
)
async def test_nothing_else_is_there(pages: Pages, method: str, path: str, status: int) -> None:
    assert (await pages.ask(path, method))[::2] == (status, "")
