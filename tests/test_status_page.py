"""The status page: what it shows, who may see it, and that neither what is shown nor who looks can do harm."""

import asyncio
import base64
import json
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import aiohttp
import pytest

from bot.adapters.hook_secrets import AGAIN_S, COUNTS_S, HookSecrets
from bot.adapters.status_html import Rendered, StatusHtml
from bot.errors import StorageError
from bot.health import Part
from bot.overview import Overview, Some, Trace, traced
from bot.values import Node, NodeRef
from tests.moved_clock import MovedClock
from tests.status_rig import (
    CI,
    EMPTY,
    NOW,
    ORIGINS,
    Listener,
    a_day,
    a_large_one,
    pull,
    running,
    shown,
)
from tests.world.canaries import letters
from tests.world.honesty import until

TOKEN = "what-the-wall-knows"
PAGE, EVENTS = "/", "/events"


async def ask(
    listener: Listener, path: str = PAGE, *, method: str = "GET", **headers: str
) -> tuple[int, Mapping[str, str], str]:
    """Tell the status, the headers and the text of an answer."""
    async with aiohttp.ClientSession() as session, session.request(method, listener.url + path, headers=headers) as got:
        return got.status, got.headers, await got.text()


async def heard(answer: aiohttp.ClientResponse) -> tuple[str, str]:
    """Wait for the next event; tell its name and what it carries."""
    lines = (await answer.content.readuntil(b"\n\n")).decode().splitlines()
    named = dict(line.split(":", 1) for line in lines if line)
    return named["event"].strip(), named["data"].strip()


async def news(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """Wait for what is new: the HTML of sections by their names."""
    async with asyncio.timeout(30):
        while True:
            name, data = await heard(answer)
            if name == "news":
                told: dict[str, str] = json.loads(data)
                return told


def basic(password: str, user: str = "anybody") -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def words_of(html: str) -> str:
    """Leave of a page what people read."""
    body = re.sub(r"<(script|style).*?</\1>", "", html.partition("<body>")[2], flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


class Tags(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def token_in(folder: Path, clock: MovedClock) -> HookSecrets:
    file = folder / "status"
    file.touch(0o600)
    file.write_text(TOKEN)
    return HookSecrets("the status page", [(file, "")], clock)


SHOWN = [
    "Look at this: oftc is not well; Jenkins windows does not answer; 1 letter waits for an operator",
    "Jenkins windows does not answer since 13:36",
    "moby#48131 experimental #2291 13:47 18 min of about 45 min builder-07",
    "moby#48112 z-series item 90211 13:43 22 min Waiting for next available executor on s390x",
    "37 open",
    "experimental failed #2288",
    "and 33 more open",
    "flaky test TestDaemonRestartUnlessStopped flaky-test, go-test-flaky log from line 1042",
    "--- FAIL: TestDaemonRestartUnlessStopped (12.31s)",
    "dm-thin-pool-full janky 5.6 % 118 of 2110",
    "40 of 42 are up",
    "builder-11 20 Nov 13:45 marked offline: new disk, back on Tuesday (jess)",
    "oftc not well waiting lines 12",
    "e31 12:30 build.start",
    "14:04 tianon build.start moby/moby#48131 ci/powerpc sent k7f2",
]


async def test_a_day_is_shown_with_all_that_a_maintainer_asks() -> None:
    async with shown(a_day()) as listener:
        status, _, page = await ask(listener)
    told = words_of(page)
    assert status == 200
    assert [words for words in SHOWN if words not in told] == []


async def test_of_a_gordon_that_has_seen_nothing_each_section_says_so() -> None:
    async with shown(EMPTY) as listener:
        _, _, page = await ask(listener)
    told = words_of(page)
    for words in (
        "All is well",
        "Nothing runs.",
        "Nothing waits.",
        "No build is known that failed.",
        "Nothing is stuck.",
    ):
        assert words in told


HOSTILE = '<script>alert(1)</script>\u202egnp\x00"><img src=x onerror=alert(2)>'


async def test_what_others_wrote_is_text_without_controls_and_leads_nowhere() -> None:
    """A title, a branch, a log line, a reason and a nick are anybody's words (A14)."""
    hostile = replace(
        a_day(),
        pulls=Some([pull(7, HOSTILE, HOSTILE, **{HOSTILE: "failed 3"})], 1),
        running=Some([replace(running("janky", 1, 1, HOSTILE), url="javascript:alert(3)", context=HOSTILE)], 1),
        queued=Some([replace(running("janky", 1, 1, ""), url=f"{CI}.evil.test/", why=HOSTILE)], 1),
        verdicts=[replace(one, url="https://ci.example.org@evil.test/", context=HOSTILE) for one in a_day().verdicts],
        parts=[Part(HOSTILE, {"about": HOSTILE}, is_well=False)],
        troubles=[HOSTILE],
    )
    async with shown(hostile) as listener:
        _, _, page = await ask(listener)
    tags = Tags(page).found
    assert [tag for tag, _ in tags if tag in ("script", "img")] == ["script"]  # our own
    assert "\u202e" not in page
    assert "\x00" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\N{REPLACEMENT CHARACTER}gnp" in page
    links = {given["href"] or "" for tag, given in tags if tag == "a"}
    assert {link for link in links if not link.startswith(("#", *(f"{origin}/" for origin in ORIGINS)))} == set()
    assert [given for _, given in tags if any(name.startswith("on") for name in given)] == []


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("", id="whole"),
        pytest.param("x " * 41, id="where-a-title-is-cut"),
        pytest.param("x " * 101, id="where-a-line-is-cut"),
    ],
)
async def test_no_secret_gets_onto_the_page(tmp_path: Path, before: str) -> None:
    """G6: what has the shape of a secret, and what is one of ours, is cut out wherever it stands."""
    canary, known = f"ghp_{letters(36)}", TOKEN
    token_in(tmp_path, MovedClock())
    told = f"{before}{known} {canary} curl -H 'Authorization: token {canary}' {known}"
    day = a_day()
    down = replace(day.agents.down.items[0], node=Node(NodeRef("ci", told), "", offline=True, reason=told))
    leaking = replace(
        day,
        pulls=Some([pull(7, told)], 1),
        verdicts=[replace(one, diagnosis=replace(one.diagnosis, text=told)) for one in day.verdicts],
        queued=Some([replace(day.queued.items[0], why=told)], 1),
        letters=Some([replace(day.letters.items[0], what=told)], 1),
        agents=replace(day.agents, down=Some([down], 1)),
        troubles=[told],
    )
    async with shown(leaking) as listener:
        _, _, page = await ask(listener)
    assert "[secret]" in page
    assert [secret for secret in (canary, known) if secret[:10] in page] == []


def test_what_somebody_typed_and_where_is_not_in_the_trail() -> None:
    """What is said to Gordon alone is nobody else's; only what was done is about something."""
    record = {
        "utc": "2026-11-22T14:04:00.000+00:00",
        "id": "k7f2",
        "person": "jess",
        "shown_name": "jess in private",
        "channel": "#secret-plans",
        "command": "rebuild",
        "args": "moby#7",
        "text_redacted": "rebuild moby#7 the private thing",
        "rule": "the private thing",
        "repo": "moby/moby",
        "pr": 7,
        "job": "ci/secret-plans",
        "decision": "answered",
    }
    at = datetime(2026, 11, 22, 14, 4, tzinfo=UTC)
    assert traced(record) == Trace(at, "k7f2", "jess", "rebuild", "", "answered")
    done = traced(record | {"effect": "start", "command": "", "job": "ci/janky", "decision": "sent"})
    assert done == Trace(at, "k7f2", "jess", "start", "moby/moby#7 ci/janky", "sent")


async def test_the_browser_is_told_to_trust_nothing_but_our_own() -> None:
    async with shown(a_day()) as listener:
        _, headers, page = await ask(listener)
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert (policy["default-src"], policy["frame-ancestors"], policy["form-action"]) == ("'none'", "'none'", "'none'")
    assert all("unsafe" not in allowed for allowed in policy.values())
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert not {tag for tag, _ in Tags(page).found} & {"form", "input", "button", "iframe"}
    assert not [given for _, given in Tags(page).found if "style" in given]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", [PAGE, EVENTS])
async def test_it_can_only_be_read(method: str, path: str) -> None:
    async with shown(a_day()) as listener:
        status, headers, _ = await ask(listener, path, method=method)
        assert (status, headers["Allow"]) == (405, "GET, HEAD")
        assert listener.shown.looks == 0


@pytest.mark.parametrize(
    ("given", "status"),
    [
        pytest.param({}, 401, id="A7-nothing"),
        pytest.param({"Authorization": basic(TOKEN)}, 200, id="basic-with-any-name"),
        pytest.param({"Authorization": basic(TOKEN, "")}, 200, id="basic-without-a-name"),
        pytest.param({"Authorization": f"Bearer {TOKEN}"}, 200, id="bearer"),
        pytest.param({"Authorization": basic("guessed")}, 401, id="A7-another"),
        pytest.param({"Authorization": basic("", TOKEN)}, 401, id="A7-as-the-name"),
        pytest.param({"Authorization": f"Bearer {TOKEN[:-1]}"}, 401, id="A7-half-of-it"),
        pytest.param({"Authorization": "Basic !!"}, 401, id="A7-no-basic"),
        pytest.param({"Authorization": "Bearer"}, 401, id="A7-an-empty-one"),
    ],
)
@pytest.mark.parametrize("path", [PAGE, EVENTS])
async def test_who_has_the_token_sees_it(tmp_path: Path, given: dict[str, str], status: int, path: str) -> None:
    async with shown(EMPTY, token_in(tmp_path, MovedClock())) as listener:
        got, headers, text = await ask(listener, path, method="HEAD" if path == EVENTS else "GET", **given)
        assert got == status
        assert ("WWW-Authenticate" in headers) == (status == 401)
        assert status == 200 or text == ""
        assert listener.shown.looks == (status == 200 and path == PAGE)


async def test_a_renewed_token_counts_and_the_old_one_no_more(tmp_path: Path) -> None:
    clock = MovedClock()
    async with shown(EMPTY, token_in(tmp_path, clock)) as listener:
        (tmp_path / "status").write_text("another-one-by-now")
        clock.move(31)
        assert (await ask(listener, Authorization=basic("another-one-by-now")))[0] == 200
        assert (await ask(listener, Authorization=basic(TOKEN)))[0] == 401


async def test_who_reads_with_a_token_that_was_taken_back_reads_no_more(tmp_path: Path) -> None:
    clock, given = MovedClock(), {"Authorization": basic(TOKEN)}
    async with (
        shown(EMPTY, token_in(tmp_path, clock)) as listener,
        aiohttp.ClientSession() as session,
        session.get(listener.url + EVENTS, headers=given) as answer,
    ):
        assert await heard(answer) == ("beat", "")
        (tmp_path / "status").write_text("another-one-by-now")
        clock.move(COUNTS_S)
        async with asyncio.timeout(2):
            await answer.content.read()  # to its end


@pytest.mark.parametrize(
    "since_read_s", [pytest.param(0.0, id="as-read"), pytest.param(AGAIN_S, id="while-the-file-is-read-again")]
)
async def test_who_guesses_is_slow_and_not_many_do_at_once(tmp_path: Path, since_read_s: float) -> None:
    clock = MovedClock()
    async with shown(EMPTY, token_in(tmp_path, clock), slow_s=0.3) as listener:
        clock.move(since_read_s)
        begun_s = time.monotonic()
        answers = await asyncio.gather(*(ask(listener, Authorization=basic(f"guess-{n}")) for n in range(12)))
        assert time.monotonic() - begun_s >= 0.3
        assert sorted(status for status, _, _ in answers) == [401] * 8 + [429] * 4
        assert (await ask(listener, Authorization=basic(TOKEN)))[0] == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param("127.0.0.1:8080", 200, id="this-machine"),
        pytest.param("localhost", 200, id="by-name"),
        pytest.param("[::1]:8080", 200, id="by-its-newer-address"),
        pytest.param("gordon.evil.test", 404, id="a-name-that-leads-here"),
        pytest.param("127.0.0.1.evil.test:8080", 404, id="that-looks-like-it"),
    ],
)
async def test_without_a_token_it_is_for_browsers_of_this_machine(host: str, status: int) -> None:
    """A page of anybody's could have a name of its own lead to this machine, and read what is here (DNS rebinding)."""
    async with shown(EMPTY) as listener:
        assert (await ask(listener, Host=host))[0] == status


async def test_who_names_no_host_is_no_browser_of_this_machine() -> None:
    """And nobody asks a name server on their behalf what this machine is called."""
    async with shown(EMPTY) as listener:
        host, port = listener.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert (await reader.readline()).split()[1] == b"404"
        writer.close()


async def test_however_many_look_it_is_read_once() -> None:
    async with shown(a_day(), looked_every_s=60.0) as listener:
        answers = await asyncio.gather(*(ask(listener) for _ in range(20)))
        assert {status for status, _, _ in answers} == {200}
        assert listener.shown.looks == 1


async def test_a_disk_that_cannot_be_read_is_said_and_nothing_of_it() -> None:
    async with shown(a_day()) as listener:
        listener.shown.problem = StorageError("/secret/gordon.db: I/O error")
        status, _, text = await ask(listener)
        assert (status, text) == (503, "Gordon cannot read its disk now; its log says why.\n")  # F28


async def test_however_many_look_a_disk_that_does_not_answer_is_waited_for_once() -> None:
    """F28: else each waits for all who came before."""
    async with shown(a_day(), looked_every_s=60.0) as listener:
        listener.shown.problem = StorageError("the disk does not answer within 3 s")
        answers = await asyncio.gather(*(ask(listener) for _ in range(20)))
        assert {status for status, _, _ in answers} == {503}
        assert listener.shown.looks == 1


async def test_only_what_changed_is_sent_and_only_when_it_did() -> None:
    async with shown(a_day()) as listener, aiohttp.ClientSession() as session:
        _, _, page = await ask(listener)
        seen = re.search(r'data-version="(\w+)"', page)
        assert seen
        async with session.get(f"{listener.url}{EVENTS}?seen={seen[1]}") as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            for _ in range(3):
                assert await heard(answer) == ("beat", "")
            listener.shown.overview = replace(a_day(), queued=Some())
            told = await news(answer)
            assert set(told) == {"queue", "counts"}
            assert "Nothing waits." in told["queue"]
            listener.shown.overview = replace(a_day(), queued=Some(), at=NOW + timedelta(seconds=20))
            assert await heard(answer) == ("beat", "")


async def test_who_comes_back_gets_what_was_missed() -> None:
    async with shown(a_day()) as listener, aiohttp.ClientSession() as session:
        async with session.get(f"{listener.url}{EVENTS}", headers={"Last-Event-ID": "of-yesterday"}) as answer:
            told = await news(answer)
        assert "moby#48131" in told["running"]


async def test_not_more_look_than_there_are_seats() -> None:
    async with shown(a_day(), max_viewers=2) as listener, aiohttp.ClientSession() as session:
        async with session.get(listener.url + EVENTS), session.get(listener.url + EVENTS) as second:
            await heard(second)
            assert (await ask(listener, EVENTS))[0] == 503
            assert (await ask(listener))[0] == 200  # the page itself is for all
        await until(lambda: listener.page.viewers == 0)


class Heavy(StatusHtml):
    """Writes more than any socket takes at once, and anew each time."""

    def render(self, overview: Overview) -> Rendered:
        return Rendered(f"{time.monotonic()}", {"state": "x" * 8_000_000}, b"")


async def test_who_does_not_read_is_let_go() -> None:
    async with shown(EMPTY, html=Heavy(ORIGINS), looked_every_s=0.01, send_within_s=0.2) as listener:
        host, port = listener.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.write(f"GET {EVENTS} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await reader.readline()
        assert listener.page.viewers == 1
        await until(lambda: listener.page.viewers == 0)
        writer.close()


async def test_an_end_lets_all_readers_go_at_once() -> None:
    async with (
        shown(a_day(), looked_every_s=30.0) as listener,
        aiohttp.ClientSession() as session,
        session.get(listener.url + EVENTS) as answer,
    ):
        await heard(answer)
        begun_s = time.monotonic()
        await listener.server.stop()
        assert time.monotonic() - begun_s < 0.9  # less than the listener waits for an answer
        assert listener.shown.is_closed


def test_the_largest_page_is_no_heavy_one() -> None:
    html, large = StatusHtml(ORIGINS), a_large_one()
    html.render(EMPTY)
    begun_s = time.process_time()
    page = html.render(large).page
    took_s = time.process_time() - begun_s
    assert len(page) < 500_000
    assert took_s < 2.0, f"{took_s * 1000:.0f} ms"  # some 100 ms; what is far above is no noise of the machine
