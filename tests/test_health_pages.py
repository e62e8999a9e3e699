"""The pages for whoever watches Gordon: what they tell, and that they tell strangers nothing of people."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest

from bot.adapters.health_pages import HEALTH, METRICS, OPEN, PING, READY, HealthPages
from bot.adapters.web import WebServer
from bot.errors import StorageError
from bot.health import Part
from bot.settings import WebSettings

WORK = Part("work", {"waiting": 3, "lag_s": 0.1}, is_vital=True)
LIBERA = Part("IRC libera", {"connected": False}, is_well=False)


class Watched:
    """A program that is watched."""

    def __init__(self) -> None:
        self.reads = self.writes = self.scrapes = 0
        self.problem: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()
        self.told: list[Part] = [WORK, LIBERA]
        self.why: list[str] = []

    async def read_disk(self) -> None:
        self.reads += 1
        await self.answers.wait()
        if self.problem is not None:
            raise self.problem

    async def write_disk(self) -> None:
        self.writes += 1
        await self.answers.wait()
        if self.problem is not None:
            raise self.problem

    def why_not_ready(self) -> Sequence[str]:
        return self.why

    async def metrics(self, accept: str, *, is_ready: bool) -> tuple[bytes, str]:
        self.scrapes += 1
        return b"gordon_ready %d\n" % is_ready, f"{accept or 'text/plain'}; version=1"

    def parts(self) -> Sequence[Part]:
        return self.told


class Pages:
    def __init__(self) -> None:
        self.program = Watched()
        made = HealthPages(self.program, lambda: [Part("webhooks", {"taken": {"fresh": 2}})], disk_within_s=0.1)
        self.server = WebServer(WebSettings(port=0), made.pages())

    async def ask(self, path: str, method: str = "GET", accept: str = "") -> tuple[int, str, Any]:
        """Tell the status, the type and the body of an answer."""
        url, headers = self.server.url + path, {"Accept": accept}
        async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers) as answer:
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


@pytest.mark.parametrize(
    ("path", "looks"),
    [
        pytest.param(PING, (1, 0, 0), id="ping"),
        pytest.param(HEALTH, (1, 0, 0), id="health"),
        pytest.param(READY, (0, 1, 0), id="ready"),
        pytest.param(METRICS, (0, 1, 1), id="metrics"),
    ],
)
async def test_many_who_ask_cost_one_look(pages: Pages, path: str, looks: tuple[int, int, int]) -> None:
    answers = await asyncio.gather(*(pages.ask(path) for _ in range(20)))
    assert {status for status, _, _ in answers} == {200}
    assert (pages.program.reads, pages.program.writes, pages.program.scrapes) == looks


async def test_ready_is_told_while_all_is_under_way_and_the_disk_can_be_written(pages: Pages) -> None:
    assert await pages.ask(READY) == (200, "text/plain", "ready\n")
    assert (await pages.ask(METRICS))[2] == "gordon_ready 1\n"


async def test_each_reason_why_it_is_not_ready_is_a_line(pages: Pages) -> None:
    """F28: a disk that is full can be read all the same, so it is tried by writing."""
    pages.program.why = ["the work loop does not answer", "IRC libera is being tried"]
    pages.program.problem = StorageError("/secret/gordon.db: full")
    status, kind, words = await pages.ask(READY)
    assert (status, kind, words.splitlines()) == (
        503,
        "text/plain",
        ["the database cannot be written", "the work loop does not answer", "IRC libera is being tried"],
    )
    assert (await pages.ask(METRICS))[2] == "gordon_ready 0\n"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        pytest.param("", "text/plain", id="anything"),
        pytest.param(f"{OPEN};version=1.0.0,text/plain;q=0.5", OPEN, id="open-metrics"),
    ],
)
async def test_metrics_are_told_in_the_format_that_the_reader_prefers(pages: Pages, accept: str, kind: str) -> None:
    assert (await pages.ask(METRICS, accept=accept))[:2] == (200, kind)


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
        pytest.param("HEAD", READY, 200, id="head-of-ready"),
        pytest.param("GET", READY + "/x", 404, id="below-ready"),
        pytest.param("GET", METRICS + "/x", 404, id="below-metrics"),
        pytest.param("POST", METRICS, 405, id="post-to-metrics"),
    ],
)
async def test_nothing_else_is_there(pages: Pages, method: str, path: str, status: int) -> None:
    assert (await pages.ask(path, method))[::2] == (status, "")
