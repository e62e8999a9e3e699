"""The page that webhooks are sent to: who signed, what is handed on, and what is refused before anything is decoded."""

import asyncio
import contextlib
import logging
import tracemalloc
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from bot.adapters.github_hooks import MAX_NAMES, PATH, SMALL_BYTES, THREAD_BYTES, GitHubHooks, Hook
from bot.adapters.hook_secrets import HookSecrets
from bot.adapters.web import MAX_BODY_BYTES, Page, WebServer
from bot.errors import ConfigError, StorageError
from bot.forge import Told
from bot.settings import WebSettings
from tests.hook_bodies import comment_body, encoded, pull_body, push_body, review_body, signed
from tests.moved_clock import MovedClock

SECRET, OTHER = "open sesame \u00e9", "another-secret"
BODY = encoded(pull_body())
Headers = Sequence[tuple[str, str]]


def headers(
    body: bytes = BODY,
    *,
    secret: str = SECRET,
    event: str = "pull_request",
    more: Mapping[str, str | None] | None = None,
) -> list[tuple[str, str]]:
    """Make the headers that GitHub sends; `more` puts others in their places or takes them away."""
    told: dict[str, str | None] = {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-Hub-Signature-256": signed(body, secret),
    }
    return [(name, value) for name, value in (told | dict(more or {})).items() if value is not None]


class Door:
    """A server that listens, and what it handed on."""

    def __init__(
        self, folder: Path, hooks: Mapping[str, Sequence[str]] | None = None, *, idle_s: float = 20.0, **limits: Any
    ) -> None:
        self.clock = MovedClock(lambda: 0.0)
        self.repos = ["moby/moby", "moby/buildkit"]
        self.told: list[Told] = []
        self.word: Callable[[Told], str] = lambda told: "taken"
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.writers: list[asyncio.StreamWriter] = []
        self.files: dict[str, list[Path]] = {}
        made = []
        for name, repos in (hooks or {"": ()}).items():
            self.files[name] = [self.secret(folder / f"new{name}", SECRET), self.secret(folder / f"old{name}", OTHER)]
            secrets = HookSecrets("the webhook", [(file, "") for file in self.files[name]], self.clock)
            made.append(Hook(name, secrets, repos))
        self.page = GitHubHooks(made, lambda: self.repos, self.take, self.clock, **limits)
        self.server = WebServer(WebSettings(port=0), {PATH: Page(self.page.answer)}, idle_s=idle_s)

    @staticmethod
    def secret(file: Path, value: str) -> Path:
        file.write_text(value)
        file.chmod(0o600)
        return file

    async def take(self, told: Told) -> str:
        self.told.append(told)
        await self.may_write.wait()
        return self.word(told)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self.server.url.rpartition(":")[2]))
        self.writers.append(writer)
        return reader, writer

    async def post(
        self, given: Headers, body: bytes = BODY, *, path: str = PATH, method: str = "POST", chunked: bool = False
    ) -> int:
        """Send a request as bytes, so that headers may be wrong, piece by piece, and tell the status."""
        reader, writer = await self.connect()
        length = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body)))
        writer.write(head_of(method, path, [*given, length]))
        for start in range(0, len(body), SMALL_BYTES):
            piece = memoryview(body)[start : start + SMALL_BYTES]
            writer.writelines([f"{len(piece):x}\r\n".encode(), piece, b"\r\n"] if chunked else [piece])
            with contextlib.suppress(ConnectionError):  # refused before it has been read
                await writer.drain()
        writer.write(b"0\r\n\r\n" if chunked else b"")
        status = await status_of(reader)
        writer.close()
        return status


def head_of(method: str, path: str, given: Headers) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in given), "", ""]
    return "\r\n".join(lines).encode()


async def status_of(reader: asyncio.StreamReader) -> int:
    async with asyncio.timeout(60):
        return int((await reader.readline()).split()[1])


@asynccontextmanager
async def opened(door: Door) -> AsyncIterator[Door]:
    await door.server.start()
    try:
        yield door
    finally:
        for writer in door.writers:
            writer.close()
        await door.server.stop()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with opened(Door(tmp_path)) as made:
        yield made


@pytest.mark.parametrize(
    ("event", "body", "what"),
    [
        pytest.param("pull_request", pull_body(), "pull_request.synchronize", id="pull"),
        pytest.param("pull_request_review", review_body(), "pull_request_review.submitted", id="review"),
        pytest.param("issue_comment", comment_body(), "issue_comment.created", id="comment"),
        pytest.param("push", push_body(), "push", id="push"),
        pytest.param("pull_request", pull_body(repo="Moby/MOBY"), "pull_request.synchronize", id="another-case"),
    ],
)
@pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
async def test_what_is_signed_is_handed_on(
    door: Door, event: str, body: Any, what: str, form: bool, chunked: bool
) -> None:
    sent = encoded(body)
    kind = "application/x-www-form-urlencoded" if form else "application/json; charset=utf-8"
    if form:
        sent = f"payload={quote_plus(sent.decode())}".encode()
    assert await door.post(headers(sent, event=event, more={"Content-Type": kind}), sent, chunked=chunked) == 202
    (told,) = door.told
    assert (told.what, told.repo, told.guid[:8]) == (what, "moby/moby", "72d3162e")
    assert door.page.taken == {"taken": 1}


SIGNATURE, SHA1 = "X-Hub-Signature-256", "X-Hub-Signature"
BROKEN = BODY[:-1]  # whoever decodes it, finds that out
GOOD = signed(BROKEN, SECRET)
UNSIGNED, STRANGE = "something without a signature", "a signature that none of its secrets made"
FORGED = [
    pytest.param({SIGNATURE: None}, UNSIGNED, id="A7-none"),
    pytest.param({SIGNATURE: ""}, UNSIGNED, id="A7-empty"),
    pytest.param({SIGNATURE: signed(BROKEN, "guess")}, STRANGE, id="A7-wrong-secret"),
    pytest.param({SIGNATURE: signed(BROKEN, "")}, STRANGE, id="A7-empty-secret"),
    pytest.param({SIGNATURE: signed(BODY, SECRET)}, STRANGE, id="A7-of-another-body"),
    pytest.param({SIGNATURE: None, SHA1: "sha1=" + "a" * 40}, UNSIGNED, id="A7-sha1-only"),
    pytest.param({SIGNATURE: GOOD[:-1]}, UNSIGNED, id="A7-truncated"),
    pytest.param({SIGNATURE: GOOD + "0"}, UNSIGNED, id="A7-longer"),
    pytest.param({SIGNATURE: GOOD[:-1] + ("1" if GOOD.endswith("0") else "0")}, STRANGE, id="A7-all-but-its-end"),
    pytest.param({SIGNATURE: "sha256=" + GOOD[7:].upper()}, UNSIGNED, id="A7-upper-case"),
    pytest.param({SIGNATURE: GOOD.replace("sha256", "SHA256")}, UNSIGNED, id="A7-upper-case-name"),
    pytest.param({SIGNATURE: GOOD[7:]}, UNSIGNED, id="A7-without-name"),
    pytest.param({SIGNATURE: GOOD, SIGNATURE.lower(): GOOD}, UNSIGNED, id="A7-twice"),
    pytest.param({SIGNATURE: GOOD, SIGNATURE.lower(): "sha256=" + "0" * 64}, UNSIGNED, id="A7-two"),
    pytest.param({SIGNATURE: f"{GOOD}, {GOOD}"}, UNSIGNED, id="A7-list"),
    pytest.param({SIGNATURE: "sha256=" + "\u0660" * 64}, UNSIGNED, id="A11-other-digits"),
]
WITHOUT = "something without "
ILL_TOLD = [
    pytest.param({"X-GitHub-Event": None}, 400, WITHOUT + "the name of an event", id="no-event"),
    pytest.param({"X-GitHub-Event": "Pull Request"}, 400, WITHOUT + "the name of an event", id="no-name"),
    pytest.param({"X-GitHub-Event": "push", "x-github-event": "ping"}, 400, WITHOUT + "the name of an event", id="two"),
    pytest.param({"X-GitHub-Delivery": None}, 400, WITHOUT + "a delivery id", id="F16-no-delivery-id"),
    pytest.param({"X-GitHub-Delivery": "x" * 65}, 400, WITHOUT + "a delivery id", id="F16-long-delivery-id"),
    pytest.param({"X-GitHub-Delivery": "a b"}, 400, WITHOUT + "a delivery id", id="F16-blank-in-a-delivery-id"),
    pytest.param({"X-GitHub-Delivery": "\u00e9"}, 400, WITHOUT + "a delivery id", id="F16-id-beyond-ascii"),
    pytest.param(
        {"X-GitHub-Delivery": "1", "x-github-delivery": "2"}, 400, WITHOUT + "a delivery id", id="F16-two-ids"
    ),
    pytest.param({"Content-Type": "text/plain"}, 415, "something that is neither JSON nor a form", id="text"),
    pytest.param({"Content-Type": None}, 415, "something that is neither JSON nor a form", id="no-type"),
    pytest.param({"Content-Encoding": "gzip"}, 415, "something that is neither JSON nor a form", id="A12-compressed"),
]


@pytest.mark.parametrize(("more", "why"), FORGED)
async def test_what_is_not_signed_right_is_refused_without_being_decoded(
    door: Door, more: dict[str, str | None], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await door.post(headers(BROKEN, more=more), BROKEN) == 403
    assert door.page.refused == {why: 1}
    assert "esame" not in caplog.text
    assert GOOD[7:] not in caplog.text


@pytest.mark.parametrize(("more", "status", "why"), ILL_TOLD)
async def test_what_is_signed_but_ill_told_is_refused_without_being_decoded(
    door: Door, more: dict[str, str | None], status: int, why: str
) -> None:
    assert await door.post(headers(BROKEN, more=more), BROKEN) == status
    assert door.page.refused == {why: 1}


async def test_a_body_that_was_changed_on_the_way_is_refused(door: Door) -> None:
    """A7: one bit of it, at its end."""
    assert await door.post(headers(), BODY[:-2] + b"]}") == 403
    assert await door.post(headers(), BODY) == 202


@pytest.mark.parametrize(
    ("path", "secret", "repo", "status"),
    [
        pytest.param("/moby", SECRET, "moby/moby", 202, id="own-repository"),
        pytest.param("/moby", SECRET, "MOBY/moby", 202, id="own-repository-in-another-case"),
        pytest.param("/moby", SECRET, "moby/buildkit", 403, id="A8-configured-but-not-its-own"),
        pytest.param("/moby", SECRET, "evil/evil", 403, id="A8-not-configured"),
        pytest.param("", SECRET, "moby/buildkit", 202, id="org-hook"),
        pytest.param("", SECRET, "moby/secret", 200, id="org-hook-of-a-repository-that-is-not-configured"),
        pytest.param("/Moby", SECRET, "moby/moby", 404, id="another-case-of-the-name"),
        pytest.param("/moby/", SECRET, "moby/moby", 404, id="more-than-the-name"),
        pytest.param("/nobody", SECRET, "moby/moby", 404, id="no-such-webhook"),
    ],
)
async def test_a_webhook_may_tell_of_its_own_repositories(
    tmp_path: Path, path: str, secret: str, repo: str, status: int
) -> None:
    async with opened(Door(tmp_path, {"": (), "moby": ("moby/moby",)})) as door:
        body = encoded(pull_body(repo=repo))
        assert await door.post(headers(body, secret=secret), body, path=PATH + path) == status
        assert len(door.told) == (status == 202)


async def test_the_secret_of_one_webhook_is_none_of_another(tmp_path: Path) -> None:
    """A8: the secret is chosen by the path, before anything of the body is read."""
    async with opened(Door(tmp_path, {"a": (), "b": ()})) as door:
        for file in door.files["b"]:
            door.secret(file, "secret-of-b")
        door.clock.move(31)
        assert await door.post(headers(secret="secret-of-b"), path=f"{PATH}/a") == 403
        assert await door.post(headers(secret="secret-of-b"), path=f"{PATH}/b") == 202


async def test_an_old_and_a_new_secret_both_count_while_they_are_changed(door: Door) -> None:
    """F45: files are read again when no secret fits, twice a minute, and one that was taken out counts no more."""
    assert [await door.post(headers(secret=secret)) for secret in (SECRET, OTHER)] == [202, 202]
    new, old = door.files[""]
    door.secret(new, "renewed-secret")
    assert await door.post(headers(secret="renewed-secret")) == 403
    door.clock.move(31)
    assert await door.post(headers(secret="renewed-secret")) == 202
    assert [await door.post(headers(secret=secret)) for secret in (SECRET, OTHER)] == [403, 202]
    old.unlink()
    assert await door.post(headers(secret=OTHER)) == 202
    door.clock.move(301)
    assert [await door.post(headers(secret=secret)) for secret in (OTHER, "renewed-secret")] == [403, 202]


async def test_secrets_that_cannot_be_read_again_stay(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """F45: somebody who is just writing both files locks nobody out."""
    for file in door.files[""]:
        file.unlink()
    door.clock.move(301)
    assert await door.post(headers()) == 202
    assert "esame" not in caplog.text


def test_a_secret_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the secret of the webhook"):
        HookSecrets("the webhook", [(tmp_path / "none", "")], MovedClock())


@pytest.mark.parametrize(
    ("event", "body"),
    [
        pytest.param("ping", {"zen": "x"}, id="ping"),
        pytest.param("workflow_run", {"action": "completed"}, id="another-event"),
        pytest.param("issue_comment", comment_body("edited"), id="A17-edited-comment"),
    ],
)
async def test_events_of_no_use_are_counted_and_dropped(door: Door, event: str, body: Any) -> None:
    sent = encoded(body)
    assert await door.post(headers(sent, event=event), sent) == 200
    assert (door.told, door.page.ignored) == ([], {event: 1})


async def test_made_up_names_of_events_take_no_memory(door: Door) -> None:
    door.page.ignored.update({f"event_{number}": 1 for number in range(MAX_NAMES)})
    for number in range(3):
        assert await door.post(headers(b"{}", event=f"more_{number}"), b"{}") == 200
    assert door.page.ignored["others"] == 3
    assert len(door.page.ignored) == MAX_NAMES + 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut-off"),
        pytest.param(b'{"x":' * 100_000, id="A12-deep"),
        pytest.param(BODY[:-1] + b', "x": NaN}', id="A12-NaN"),
        pytest.param(BODY.replace(b'"number": 7', b'"number": "7"'), id="no-pull-request"),
        pytest.param(b"x" * (THREAD_BYTES + 1), id="large"),
    ],
)
async def test_a_signed_body_that_github_does_not_send_is_a_400(door: Door, body: bytes) -> None:
    assert await door.post(headers(body), body) == 400
    assert door.told == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", [PATH, f"{PATH}/nobody"])
async def test_another_method_is_told_the_right_one(door: Door, method: str, path: str) -> None:
    reader, writer = await door.connect()
    writer.write(head_of(method, path, []))
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
    assert b"HTTP/1.1 405 " in head
    assert b"\r\nAllow: POST\r\n" in head


async def test_nothing_is_acknowledged_before_it_is_on_disk(door: Door) -> None:
    door.may_write.clear()
    reader, writer = await door.connect()
    writer.write(head_of("POST", PATH, [*headers(), ("Content-Length", str(len(BODY)))]) + BODY)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readline(), 0.1)
    assert len(door.told) == 1
    assert not door.page.taken
    door.may_write.set()
    assert await status_of(reader) == 202
    assert door.page.taken == {"taken": 1}


async def test_a_disk_that_takes_nothing_shows_as_failed_at_github(door: Door) -> None:
    """F19: what is not acknowledged, the comparison finds in the list of deliveries."""

    def full(told: Told) -> str:
        raise StorageError("full")

    door.word = full
    assert await door.post(headers()) == 503
    door.word = lambda told: "repeated"
    assert await door.post(headers()) == 202
    assert door.page.taken == {"repeated": 1}
    assert door.page.refused == {"something that the disk did not take": 1}


async def test_each_kind_of_refusal_is_said_once_a_minute(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "bot"):
        for _ in range(3):
            assert await door.post(headers(secret="guess")) == 403
            assert await door.post(headers(b"{"), b"{") == 400
        assert caplog.messages == [
            f"{PATH} was sent a signature that none of its secrets made (1 so far)",
            f"{PATH} was sent no JSON (1 so far)",
        ]
        door.clock.move(61)
        assert await door.post(headers(secret="guess")) == 403
    assert caplog.messages[2:] == [f"{PATH} was sent a signature that none of its secrets made (4 so far)"]


@pytest.mark.parametrize(
    ("chunked", "form"), [(False, False), (True, False), (False, True)], ids=["whole", "chunked", "form"]
)
async def test_the_largest_body_is_taken_and_one_byte_more_is_not(door: Door, chunked: bool, form: bool) -> None:
    """F20, G9: 25 MB, with less than 80 MB for all that is made of it."""
    start = BODY[:-1] + b', "x": "'
    fits = (b"payload=" if form else b"") + start
    fits += b"x" * (MAX_BODY_BYTES - len(fits) - 2) + b'"}'
    over = fits + b" "
    more = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    given = headers(fits, more=more), headers(over, more=more)
    tracemalloc.start()
    try:
        assert await door.post(given[0], fits, chunked=chunked) == 202
        assert await door.post(given[1], over, chunked=chunked) == 413
        assert tracemalloc.get_traced_memory()[1] < 80_000_000
    finally:
        tracemalloc.stop()
    assert len(door.told) == 1


async def test_a_body_that_says_it_is_too_large_is_not_waited_for(door: Door) -> None:
    """F20: the answer comes before anything of it is sent."""
    reader, writer = await door.connect()
    writer.write(head_of("POST", PATH, [*headers(), ("Content-Length", str(MAX_BODY_BYTES + 1))]))
    assert await status_of(reader) == 413


@pytest.mark.parametrize(
    "more", [{SIGNATURE: None}, {"X-GitHub-Event": None}, {"Content-Type": "x"}], ids=["signature", "event", "type"]
)
async def test_no_body_is_waited_for_without_the_headers(door: Door, more: dict[str, str | None]) -> None:
    """A7: a stranger's body is not even read."""
    reader, writer = await door.connect()
    writer.write(head_of("POST", PATH, [*headers(more=more), ("Content-Length", "1000000")]))
    assert await status_of(reader) in (400, 403, 415)


async def test_an_endless_body_is_cut_at_its_limit(door: Door) -> None:
    """F20: chunks without end; the sender is stopped after the limit and what is under way."""
    reader, writer = await door.connect()
    writer.write(head_of("POST", PATH, [*headers(), ("Transfer-Encoding", "chunked")]))
    chunk, sent = b"100000\r\n" + b"x" * (1 << 20) + b"\r\n", 0
    answered = asyncio.create_task(status_of(reader))
    try:
        while not answered.done():
            assert sent < 2 * MAX_BODY_BYTES
            writer.write(chunk)
            await asyncio.wait_for(writer.drain(), 10)
            sent += 1 << 20
    except ConnectionError:
        pass  # closed while we were writing
    assert await answered == 413


async def test_a_slow_body_is_cut_and_others_are_served_meanwhile(tmp_path: Path) -> None:
    """F20: a byte now and then; whoever sends so is gone after the limit, not after the last byte."""
    async with opened(Door(tmp_path, body_within_s=0.4)) as door:
        reader, writer = await door.connect()
        writer.write(head_of("POST", PATH, [*headers(), ("Content-Length", str(len(BODY)))]))
        answered = asyncio.create_task(status_of(reader))
        bytes_sent = 0
        while not answered.done():
            writer.write(b"{")
            bytes_sent += 1
            assert await door.post(headers()) == 202
            await asyncio.wait({answered}, timeout=0.05)
        assert await answered == 408
        assert bytes_sent < 100


async def test_a_body_that_breaks_off_is_nothing(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(head_of("POST", PATH, [*headers(), ("Content-Length", str(len(BODY)))]) + BODY[:100])
    writer.write_eof()
    async with asyncio.timeout(30):
        await reader.read()
    reader, writer = await door.connect()
    writer.write(head_of("POST", PATH, [*headers(), ("Transfer-Encoding", "chunked")]) + b"zz\r\n")
    assert await status_of(reader) == 400
    assert door.told == []


LARGE = BODY[:-1] + b" " * (4 * SMALL_BYTES) + b"}"


async def test_a_large_body_waits_for_the_others_and_a_small_one_does_not(tmp_path: Path) -> None:
    """F20: 25 MB times all connections would be all of the memory."""
    async with opened(Door(tmp_path, large_at_once=1)) as door:
        reader, writer = await door.connect()
        writer.write(head_of("POST", PATH, [*headers(LARGE), ("Content-Length", str(len(LARGE)))]))
        writer.write(LARGE[:-1])
        assert await door.post(headers()) == 202
        waiting = asyncio.create_task(door.post(headers(LARGE), LARGE))
        assert await door.post(headers()) == 202
        await asyncio.wait({waiting}, timeout=0.1)
        assert not waiting.done()
        writer.write(LARGE[-1:])
        assert [await status_of(reader), await waiting] == [202, 202]


async def test_a_large_body_that_waits_too_long_shows_as_failed_at_github(tmp_path: Path) -> None:
    """F20, F19: so that the comparison finds it."""
    async with opened(Door(tmp_path, body_within_s=0.2, large_at_once=0)) as door:
        assert await door.post(headers(LARGE), LARGE) == 503
        assert door.page.refused == {"a large body while others were read": 1}
