"""What is logged: each line on behalf of an event has the id that people are told, and none has a secret."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from bot.adapters.daemon_threads import DaemonThreads
from bot.audit import short_id
from bot.demo.world import World
from bot.logs import JsonLines, TextLines, on_behalf_of
from bot.testing import running
from tests.world.honesty import until

FORMS = [pytest.param(TextLines(), id="text"), pytest.param(JsonLines(), id="json")]
SECRET = "ghp_" + "a1B2" * 9
log = logging.getLogger("bot.tests")


class Kept(logging.Handler):
    """Keeps what a log would have."""

    def __init__(self, form: logging.Formatter) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(form)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def kept(form: logging.Formatter) -> Iterator[Kept]:
    handler, root = Kept(form), logging.getLogger("bot")
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    root.propagate = False  # half a character in a report ends a run of pytest in several processes
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        root.propagate = True


@pytest.mark.parametrize("form", FORMS)
async def test_all_lines_of_a_command_are_found_by_the_id_in_its_answer(
    tmp_path: Path, form: logging.Formatter
) -> None:
    """From hearing to telling, on both loops; what was done for another command has the id of that."""
    async with World(tmp_path) as world, running(tmp_path, world=world) as gordon:
        with kept(form) as handler:
            first = await gordon.say("tianon", "rebuild moby#1 janky", expect="queued janky")
            second = await gordon.say("jess", "rebuild moby#2 janky", expect="queued janky")
            await until(lambda: sum("said to" in line for line in handler.lines) >= 2)
        for answer in (first, second):
            mark = answer[-5:-1]
            own = [line for line in handler.lines if f"[{mark}]" in line or f'"event":"{mark}"' in line]
            told = "\n".join(own)
            for step in ("rebuild, given at", "effect build.start of", "rebuild:rebuild on", "said to"):
                assert told.count(step) == 1, (step, told)


async def test_a_line_of_json_has_what_a_program_looks_for() -> None:
    with kept(JsonLines()) as handler, on_behalf_of("test:1", "rebuild"):
        try:
            raise ValueError("broken")
        except ValueError:
            log.exception("it failed with half a character \ud800 and\ntwo lines")
    found = json.loads(handler.lines[0])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", found.pop("time"))
    assert found.pop("exception").endswith("ValueError: broken")
    assert found == {
        "level": "ERROR",
        "logger": "bot.tests",
        "event": short_id("test:1"),
        "event_key": "test:1",
        "plugin": "rebuild",
        "message": "it failed with half a character ? and\ntwo lines",
    }


@pytest.mark.parametrize("form", FORMS)
async def test_no_line_has_a_secret(form: logging.Formatter) -> None:
    """A36: neither in its words nor in the error below them."""
    with kept(form) as handler, on_behalf_of(f"test:{SECRET}"):
        try:
            raise ValueError(f"Authorization: Bearer {SECRET}")
        except ValueError:
            log.exception("asked with %s", SECRET)
    assert SECRET not in handler.lines[0]
    assert handler.lines[0].count("[secret]") >= 2
    if isinstance(form, JsonLines):
        msgspec.json.decode(handler.lines[0])


async def test_nobodys_words_look_like_a_line_of_ours_or_are_obeyed_by_a_terminal() -> None:
    """A14: what a neighbour calls something, and what an error says of it, stays below the line that it is about."""
    forged = "ci\n2026-11-22 12:00:00,000 INFO bot.audit: [k7f2] granted\r\x1b]0;x\x07\x1b[2J\u202e\x9b31m\u2028INFO"
    with kept(TextLines()) as handler:
        try:
            raise ValueError(forged)
        except ValueError:
            log.exception("%s says no\tand more", forged)
    first, *others = handler.lines[0].split("\n")
    assert first.endswith("ERROR bot.tests: ci")
    assert [line for line in others if not line.startswith("  ")] == []
    assert sum("[k7f2] granted" in line for line in others) == 2
    assert [char for char in handler.lines[0] if not char.isprintable() and char not in "\n\t"] == []


async def test_a_thread_logs_for_whoever_asked_it() -> None:
    threads = DaemonThreads("test", 1)
    with kept(TextLines()) as handler:
        for key in ("test:1", "test:2"):
            with on_behalf_of(key):
                await asyncio.wrap_future(threads.submit(lambda: log.info("in the library's thread")))
                await asyncio.to_thread(log.info, "in a thread of Python's")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(log.info, "for nobody").result()
    threads.close()
    marks = [re.search(r"\[(\w{4})\]", line) for line in handler.lines]
    first, second = short_id("test:1"), short_id("test:2")
    assert [mark and mark[1] for mark in marks] == [first, first, second, second, None]
