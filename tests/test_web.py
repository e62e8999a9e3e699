"""The server that Jenkins posts to: who may, what it answers, and that it tells nobody else anything (A7, A29, A38)."""

import asyncio
import base64
import gzip
import io
import logging
from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from bot.adapters.jenkins_notifications import PATH, Notifications
from bot.adapters.web import MAX_BODY_BYTES, Page, WebServer
from bot.errors import ConfigError
from bot.settings import WebSettings
from tests.fixed_secrets import FixedSecrets
from tests.moved_clock import MovedClock

SECRET, OTHER = "sesame open: 7%", "another-secret"
GOOD = b'{"url": "job/docker-prs/", "build": {"number": 42, "phase": "STARTED"}}'
Hints = list[tuple[str, str, int | None]]


class Door:
    """A server that listens, and what it was told."""

    def __init__(self, secrets: Mapping[str, str], *, body_within_s: float = 10.0) -> None:
        self.clock = MovedClock()
        self.hints: Hints = []
        counting = {name: FixedSecrets(secret) for name, secret in secrets.items() if secret}
        page = Notifications(counting, lambda *hint: self.hints.append(hint), self.clock, body_within_s=body_within_s)
        self.server = WebServer(WebSettings(port=0), {PATH: Page(page.answer, hides=True)})

    async def post(
        self, path: str, body: bytes = GOOD, *, method: str = "POST", auth: tuple[str, str] | None = None
    ) -> tuple[int, bytes]:
        login = base64.b64encode(":".join(auth).encode()).decode() if auth else ""
        headers = {"Authorization": f"Basic {login}"} if auth else {}
        url = URL(self.server.url + path, encoded=True)
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, url, data=io.BytesIO(body)) as answer,
        ):
            return answer.status, await answer.read()


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    made = Door({"ci": SECRET, "old-ci": OTHER, "without": ""})
    await made.server.start()
    yield made
    await made.server.stop()


BY_PATH = f"{PATH}/sesame%20open:%207%25"


@pytest.mark.parametrize(
    ("path", "auth", "hints"),
    [
        pytest.param(BY_PATH, None, [("ci", "docker-prs", 42)], id="secret-in-the-path"),
        pytest.param(PATH, ("ci", SECRET), [("ci", "docker-prs", 42)], id="secret-as-a-password"),
        pytest.param(
            PATH, ("ci", "sesame%20open:%207%25"), [("ci", "docker-prs", 42)], id="password-as-it-stands-in-a-url"
        ),
        pytest.param(f"{PATH}/{OTHER}", None, [("old-ci", "docker-prs", 42)], id="another-server"),
        pytest.param(f"{BY_PATH}?x=1", None, [("ci", "docker-prs", 42)], id="query"),
    ],
)
async def test_who_has_the_secret_is_answered_at_once_with_nothing(
    door: Door, path: str, auth: tuple[str, str] | None, hints: Hints
) -> None:
    assert await door.post(path, auth=auth) == (200, b"")
    assert door.hints == hints


@pytest.mark.parametrize(
    ("path", "auth", "method"),
    [
        pytest.param(PATH, None, "POST", id="A7-no-secret"),
        pytest.param(f"{PATH}/", None, "POST", id="A7-empty-secret"),
        pytest.param(f"{PATH}/sesame", None, "POST", id="A7-half-of-it"),
        pytest.param(f"{PATH}/SESAME%20open:%207%25", None, "POST", id="A7-another-case"),
        pytest.param(f"{BY_PATH}/", None, "POST", id="A7-more-than-it"),
        pytest.param(PATH, ("old-ci", SECRET), "POST", id="A8-the-secret-of-another-server"),
        pytest.param(PATH, ("nobody", SECRET), "POST", id="A7-no-such-server"),
        pytest.param(PATH, ("without", ""), "POST", id="A7-a-server-without-a-secret"),
        pytest.param(f"{PATH}/wrong", ("ci", SECRET), "POST", id="A7-both-ways-at-once"),
        pytest.param(BY_PATH, None, "GET", id="get"),
        pytest.param(BY_PATH, None, "PUT", id="put"),
        pytest.param("/notification/jenkinsx/" + OTHER, None, "POST", id="another-path"),
        pytest.param("/", None, "POST", id="root"),
    ],
)
async def test_nobody_else_learns_that_there_is_anything(
    door: Door, path: str, auth: tuple[str, str] | None, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await door.post(path, b"\xff", auth=auth, method=method) == (404, b"")
    assert door.hints == []
    assert "esame" not in caplog.text


async def test_no_body_is_read_before_the_secret_is_right(door: Door) -> None:
    """A7: the answer comes although what was promised is never sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(door.server.url.rpartition(":")[2]))
    writer.write(f"POST {PATH}/wrong HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".encode())
    async with asyncio.timeout(30):
        assert await reader.readline() == b"HTTP/1.1 404 Not Found\r\n"
    writer.close()


async def test_what_is_wrong_is_said_once_a_minute_with_a_count(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "bot"):
        for body in (b"<job/>", b"{}", b"nonsense"):
            assert await door.post(BY_PATH, body) == (400, b"")
        assert len(caplog.messages) == 1
        assert "Jenkins ci sent XML; choose the format JSON" in caplog.messages[0]
        door.clock.move(61)
        await door.post(BY_PATH, b"{}")
    assert caplog.messages[1:] == ["Jenkins ci sent JSON without the address of a job (4 bad so far)"]
    assert "esame" not in caplog.text
    assert door.hints == []


async def test_a_body_has_a_limit(door: Door) -> None:
    """G9: 25 MB are taken, as a notification may carry a log."""
    log = b'{"url": "job/docker-prs/", "build": {"log": "'
    fits = log + b"x" * (MAX_BODY_BYTES - len(log) - 3) + b'"}}'
    assert await door.post(BY_PATH, fits) == (200, b"")
    assert await door.post(BY_PATH, fits + b" ") == (413, b"")
    assert door.hints == [("ci", "docker-prs", None)]


async def test_nothing_is_unpacked(door: Door) -> None:
    """A12: a megabyte of it could be a gigabyte; nobody packs what is sent here."""
    url = URL(door.server.url + BY_PATH, encoded=True)
    packed = {"Content-Encoding": "gzip"}
    async with (
        aiohttp.ClientSession(headers=packed) as session,
        session.post(url, data=io.BytesIO(gzip.compress(GOOD))) as answer,
    ):
        assert answer.status == 400
    assert door.hints == []


async def test_a_slow_body_is_not_waited_for() -> None:
    door = Door({"old-ci": OTHER}, body_within_s=0.05)
    await door.server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(door.server.url.rpartition(":")[2]))
    writer.write(f"POST {PATH}/{OTHER} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())
    async with asyncio.timeout(30):
        assert await reader.readline() == b"HTTP/1.1 408 Request Timeout\r\n"
    writer.close()
    await door.server.stop()
    assert door.hints == []


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"POST /notification/jenkins HTTP/1.1\r\nX-Half: ", id="half-a-head"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", id="one-request"),
    ],
)
async def test_nobody_holds_a_connection_by_saying_nothing(sent: bytes) -> None:
    server = WebServer(WebSettings(port=0), {}, idle_s=0.05)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    writer.write(sent)
    async with asyncio.timeout(30):
        await reader.read()  # to its end
    writer.close()
    await server.stop()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01", id="tls"),
        pytest.param(b"POST /notification/jenkins/sesame\x00 HTTP/1.1\r\n\r\n", id="control-in-the-path"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nX: sesame\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            id="two-lengths",
        ),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nX: sesame\x00\r\n\r\n", id="control-in-a-header"),
    ],
)
async def test_what_is_no_http_is_refused_and_not_logged(
    door: Door, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A38: a stranger must not fill the log, nor get what was sent by mistake into it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(door.server.url.rpartition(":")[2]))
    writer.write(sent)
    async with asyncio.timeout(30):
        assert (await reader.readline()).startswith(b"HTTP/1.0 400 ")
    writer.close()
    assert [record for record in caplog.records if record.levelno >= logging.INFO and "aiohttp" in record.name] == []
    assert "sesame" not in caplog.text


async def test_a_mistake_of_ours_is_logged_and_a_500(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(request: web.Request, rest: str) -> web.Response:
        raise RuntimeError("ours")

    server = WebServer(WebSettings(port=0), {"/x": Page(broken)})
    await server.start()
    async with aiohttp.ClientSession() as session, session.post(f"{server.url}/x") as answer:
        assert answer.status == 500
    await server.stop()
    assert "RuntimeError: ours" in caplog.text


async def test_many_connections_leave_files_for_all_else() -> None:
    server = WebServer(WebSettings(port=0), {}, max_connections=2)
    await server.start()
    port = int(server.url.rpartition(":")[2])
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    async with asyncio.timeout(30):
        for reader, writer in held:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await reader.readline() == b"HTTP/1.1 404 Not Found\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
    for _, each in [*held, (reader, writer)]:
        each.close()
    await server.stop()


async def test_an_address_that_is_taken_is_told(door: Door) -> None:
    port = int(door.server.url.rpartition(":")[2])
    with pytest.raises(ConfigError, match=rf"\[web\]: cannot listen on 127.0.0.1:{port}: "):
        await WebServer(WebSettings(port=port), {}).start()


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("Basic", id="no-credentials"),
        pytest.param("Basic %%%", id="no-base64"),
        pytest.param("Basic /////w==", id="not-utf-8"),
        pytest.param(f"Bearer {base64.b64encode(f'ci:{SECRET}'.encode()).decode()}", id="another-scheme"),
        pytest.param(f"Basic {base64.b64encode(SECRET.encode()).decode()}", id="no-colon"),
        pytest.param("Basic " + "A" * 4000, id="long"),
    ],
)
async def test_a_header_that_is_no_login_is_nobody(door: Door, header: str) -> None:
    async with (
        aiohttp.ClientSession(headers={"Authorization": header}) as session,
        session.post(door.server.url + PATH, data=GOOD) as answer,
    ):
        assert answer.status == 404
    assert door.hints == []
