"""Leeroy's pages by themselves: bodies that are large, slow or broken off, and words that nobody waits for."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.adapters.hook_bytes import WrongBody
from bot.adapters.leeroy_pages import AT_ONCE, MAX_BODY_BYTES, METHODS, PATH, LeeroyPages
from bot.adapters.leeroy_wire import BuildAsked, read_asked, read_basic
from bot.adapters.web import Page, WebServer
from bot.builds import BuildLedger
from bot.clock import SystemClock
from bot.database import Database
from bot.errors import UserError
from bot.live import Facts, Live
from bot.machine import NOT_NOW, Machine
from bot.people import People
from bot.settings import ContextSettings, CoreSettings, GordonSettings, LeeroySettings, RepoSettings, WebSettings
from bot.values import Place
from tests.fixed_secrets import FixedSecrets
from tests.world.honesty import until
from tests.world.leeroy_rig import basic

READ = [
    pytest.param(b'{"number":7,"repo":"a/b","context":"c"}', BuildAsked(7, "a/b", "c", ""), id="gordon-bot"),
    pytest.param(b'{"repo":"a/b","context":"c","number":7}', BuildAsked(7, "a/b", "c", ""), id="rebuild_prs"),
    pytest.param(b'{"repo":"a/b"}', BuildAsked(0, "a/b", "", ""), id="what-is-missing-is-nothing"),
    pytest.param(b'{"number":null,"context":null}', BuildAsked(0, "", "", ""), id="null-is-nothing"),
    pytest.param(b'{"ref":"master","more":[1]}', BuildAsked(0, "", "", "master"), id="more-keys"),
]


@pytest.mark.parametrize(("body", "asked"), READ)
def test_what_its_clients_send_is_read(body: bytes, asked: BuildAsked) -> None:
    assert read_asked(body) == asked


@pytest.mark.parametrize(
    "body", [b"", b"7", b'"', b"\xff", b'{"number":NaN}', b'{"number":1.5}', b'{"repo":"\\ud800"}']
)
def test_anything_else_is_refused_without_being_repeated(body: bytes) -> None:
    """A12."""
    with pytest.raises(WrongBody):
        read_asked(body)


@pytest.mark.parametrize(
    ("header", "read"),
    [
        pytest.param("Basic YTpi", (b"a", b"b"), id="both"),
        pytest.param("basic YTpi", (b"a", b"b"), id="small-letters"),
        pytest.param("Basic YTpiOmM=", (b"a", b"b:c"), id="colon-in-the-password"),
        pytest.param("Basic YTolNDE=", (b"a", b"%41"), id="nothing-is-unescaped"),
        pytest.param("Basic YQ==", None, id="no-colon"),
        pytest.param("Basic YTpi!", None, id="no-base64"),
        pytest.param("Digest YTpi", None, id="another-scheme"),
    ],
)
def test_a_login_is_read_as_go_reads_it(header: str, read: tuple[bytes, bytes] | None) -> None:
    assert read_basic(header) == read


class Door:
    """A server with nothing but these pages, and what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        login = basic("leeroy", "chicken")
        self.head = f"POST {PATH}/retry HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {login}\r\n"
        pages = LeeroyPages(self._ask, self._ask, "leeroy", FixedSecrets("chicken"), SystemClock(), body_within_s=0.3)
        self.server = WebServer(WebSettings(port=0), {PATH: Page(pages.answer, METHODS)})

    async def _ask(self, repo: str, number: int, context: str, ref: str) -> None:
        self.asked.append(repo)
        await self.gate.wait()

    async def send(self, rest: str, *, then_close: bool = False) -> str:
        """Send what follows the head, and tell what comes back."""
        host, _, port = self.server.url.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write((self.head + rest).encode())
        if then_close:
            writer.write_eof()
        answer = (await reader.read()).decode()
        writer.close()
        return answer


@asynccontextmanager
async def open_door() -> AsyncIterator[Door]:
    door = Door()
    await door.server.start()
    try:
        yield door
    finally:
        await door.server.stop()


LARGE = "x" * (MAX_BODY_BYTES + 1)
BODIES = [
    pytest.param(f"Content-Length: {len(LARGE)}\r\n\r\n{LARGE}", " 413 ", id="too-large"),
    pytest.param(f"Transfer-Encoding: chunked\r\n\r\n{len(LARGE):x}\r\n{LARGE}\r\n0\r\n\r\n", " 413 ", id="chunked"),
    pytest.param('Content-Length: 30\r\n\r\n{"repo":', " 408 ", id="slow"),
]


@pytest.mark.parametrize(("rest", "code"), BODIES)
async def test_a_body_has_limits_of_size_and_time(rest: str, code: str) -> None:
    async with open_door() as door:
        assert code in (await door.send(rest)).split("\r\n")[0]
        assert door.asked == []


async def test_a_body_that_breaks_off_asks_for_nothing() -> None:
    async with open_door() as door:
        await door.send('Content-Length: 30\r\n\r\n{"repo":', then_close=True)
        assert door.asked == []


async def test_so_many_wait_and_no_more() -> None:
    """A33: those who hold a connection leave some to GitHub and Jenkins."""
    async with open_door() as door:
        door.gate.clear()
        rest = 'Content-Length: 14\r\n\r\n{"repo":"a/b"}'
        waiting = [asyncio.create_task(door.send(rest)) for _ in range(AT_ONCE)]
        await until(lambda: len(door.asked) == AT_ONCE)
        refused = await door.send(rest)
        assert " 500 " in refused.split("\r\n")[0]
        assert f"not done: {AT_ONCE} requests are waiting" in refused
        door.gate.set()
        assert all(" 204 " in answer.split("\r\n")[0] for answer in await asyncio.gather(*waiting))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine whose program is not ready."""
    repos = {"moby/moby": RepoSettings(aliases=("docker/docker", "moby"), contexts={"a": ContextSettings("ci", "a")})}
    leeroy = LeeroySettings(user="leeroy", person="old-bot", custom={"moby/moby": ("a",)})
    settings = GordonSettings(gordon=CoreSettings(home="moby/moby"), repos=repos, leeroy=leeroy)
    database = Database(tmp_path / "gordon.db")
    yield Machine(leeroy, Live(Facts(settings, People({}, {}))), BuildLedger(database))
    database.close()


async def test_words_that_nobody_waits_for_are_dropped(machine: Machine) -> None:
    """As those for a request of before a restart, or the news of how its build has ended."""
    place = Place("leeroy", "a-request-of-before", private=True)
    ref = await machine.send(place, "moby#1: janky passed")
    assert ref.place == place


REFUSED = [
    pytest.param("moby/moby", 1, "", "no contexts but custom ones", id="all-custom"),
    pytest.param("moby", 1, "a", 'no repository "moby"', id="short-name"),
    pytest.param("docker/docker", 1, "a", NOT_NOW, id="former-whole-name-and-not-ready"),
    pytest.param("Docker/Docker", 1, "a", NOT_NOW, id="names-in-any-case"),
]


@pytest.mark.parametrize(("repo", "number", "context", "said"), REFUSED)
async def test_what_is_not_taken_is_said(machine: Machine, repo: str, number: int, context: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        await machine.rebuild(repo, number, context, "")
    assert said in str(error.value)
