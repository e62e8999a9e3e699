"""The GitHub adapter against a GitHub that keeps pull requests, counts requests and can be made to fail."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from bot.adapters.github_wire import Unreadable, pause_s, read_object, read_pull, used_up_s
from bot.demo.github.double import GitHubDouble
from bot.errors import GordonError, Refused, Unavailable, UserError
from bot.values import PullRef
from tests.contract.github_rig import SHA, Forge, forged

NOW = datetime(2026, 8, 22, 9, 15, tzinfo=UTC)


@pytest_asyncio.fixture
async def forge() -> AsyncIterator[Forge]:
    async with forged() as forge:
        yield forge


async def test_a_pull_request_costs_one_request_and_tells_all_we_need(forge: Forge) -> None:
    pull = await forge.adapter().pull(PullRef("moby/moby", 7))
    assert [asked.path for asked in forge.github.requests] == ["/repos/moby/moby/pulls/7"]
    assert (str(pull.ref), pull.title, pull.author, pull.head, pull.base) == (
        "moby/moby#7",
        "Fix it",
        "ab",
        SHA,
        "master",
    )
    assert pull.head_repo == "ab/moby"
    assert (pull.is_open, pull.draft, pull.labels) == (True, True, ("bug", "area/x"))
    assert pull.author_id > 0
    assert pull.url.endswith("/moby/moby/pull/7")


async def test_a_push_and_a_close_are_seen_at_once(forge: Forge) -> None:
    adapter = forge.adapter()
    await adapter.pull(PullRef("moby/moby", 7))
    head = forge.github.push("moby/moby", 7)
    forge.github.close("moby/moby", 7)
    pull = await adapter.pull(PullRef("moby/moby", 7))
    assert (pull.head, pull.is_open) == (head, False)


@pytest.mark.parametrize("repo", ["moby/moby", "moby/other"], ids=["no such number", "no such repository"])
async def test_a_missing_pull_request_is_the_askers_to_mend(forge: Forge, repo: str) -> None:
    with pytest.raises(UserError, match=f"there is no pull request #8 in {repo}, or it is hidden from me"):
        await forge.adapter().pull(PullRef(repo, 8))


@pytest.mark.parametrize("repo", ["../admin", "moby/..", "moby", "moby/moby/pulls", "moby/mo by", "moby/moby?x", ""])
async def test_what_is_no_repository_is_asked_nowhere(forge: Forge, repo: str) -> None:
    with pytest.raises(UserError, match="is not the name of a repository"):
        await forge.adapter().pull(PullRef(repo, 7))
    assert forge.github.requests == []


async def test_a_wrong_token_is_an_operators_matter(forge: Forge) -> None:
    with pytest.raises(Refused, match="the token is not valid"):
        await forge.adapter(token="stale").pull(PullRef("moby/moby", 7))


def fails(status: int, times: int = 2, message: str = "Server Error", **headers: str) -> Callable[[GitHubDouble], None]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda github: github.fail(status, times=times, message=message, headers=named)


FAULTS = [
    pytest.param(fails(500), Unavailable, 1, id="500"),
    pytest.param(fails(502, 5), Unavailable, 5, id="502 five times"),
    pytest.param(fails(503, 5), Unavailable, 5, id="503 five times"),
    pytest.param(fails(504), Unavailable, 1, id="504"),
    pytest.param(lambda github: github.reset(times=5), Unavailable, 5, id="reset five times"),
    pytest.param(lambda github: github.hang(times=2), Unavailable, 1, id="silence"),
    pytest.param(
        fails(403, message="Resource not accessible by personal access token"), Refused, 1, id="missing scope"
    ),
    pytest.param(fails(451), Refused, 1, id="451"),
    pytest.param(fails(200), Unavailable, 1, id="no pull request in a 200"),
]


@pytest.mark.parametrize(("given", "error", "requests"), FAULTS)
async def test_a_fault_is_told_for_what_it_is(
    forge: Forge, given: Callable[[GitHubDouble], None], error: type[GordonError], requests: int
) -> None:
    given(forge.github)
    with pytest.raises(error):
        await forge.adapter(timeout_s=0.5).pull(PullRef("moby/moby", 7))
    assert len(forge.github.requests) == requests


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("status", [502, 503])
async def test_a_read_that_failed_in_passing_is_tried_again(forge: Forge, status: int, times: int) -> None:
    """F13."""
    forge.github.fail(status, times=times)
    assert (await forge.adapter().pull(PullRef("moby/moby", 7))).head == SHA


async def test_a_reset_read_is_tried_again(forge: Forge) -> None:
    adapter = forge.adapter()
    await adapter.pull(PullRef("moby/moby", 7))
    forge.github.reset()
    assert (await adapter.pull(PullRef("moby/moby", 7))).head == SHA


async def test_a_dead_github_is_unavailable_and_comes_back(forge: Forge) -> None:
    adapter = forge.adapter()
    await forge.github.down()
    with pytest.raises(Unavailable, match=r"GitHub does not answer \(reading moby/moby#7\)"):
        await adapter.pull(PullRef("moby/moby", 7))
    await forge.github.up()
    assert (await adapter.pull(PullRef("moby/moby", 7))).head == SHA


TRICKLED = """
import asyncio, sys
from bot.adapters.github import GitHub
from bot.clock import SystemClock
from bot.errors import Unavailable
from bot.events import PullRef
from bot.settings import GitHubSettings

async def main():
    github = GitHub(GitHubSettings(url=sys.argv[1], timeout_s=0.5), str, SystemClock())
    try:
        await github.pull(PullRef("moby/moby", 7))
    except Unavailable:
        print("not answered")
    await github.close()

asyncio.run(main())
print("closed", flush=True)
"""


async def test_a_github_that_trickles_does_not_hold_up_the_end_of_the_program() -> None:
    """F30: no socket limit sees an answer that comes a byte at a time."""

    trickling = set[asyncio.Task[object] | None]()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        trickling.add(asyncio.current_task())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.1)
        writer.close()

    async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-c", TRICKLED, url, stdout=asyncio.subprocess.PIPE
        )
        assert program.stdout is not None
        try:
            assert await program.stdout.readline() == b"not answered\n"
            assert await program.stdout.readline() == b"closed\n"
            async with asyncio.timeout(2):
                assert await program.wait() == 0
        finally:
            if program.returncode is None:
                program.kill()
                await program.wait()
            await asyncio.gather(*(task for task in trickling if task is not None))


LIMITS = [
    pytest.param(fails(429, 1, Retry_After="30"), 30, id="429 with a time"),
    pytest.param(fails(429, 1), 60, id="429 without"),
    pytest.param(fails(403, 1, Retry_After="90"), 90, id="403 with a time"),
    pytest.param(fails(403, 1, "You have exceeded a secondary rate limit"), 60, id="secondary limit without a time"),
    pytest.param(fails(429, 1, Retry_After="soon"), 60, id="429 with no number"),
]


@pytest.mark.parametrize(("given", "wait_s"), LIMITS)
async def test_a_limit_stops_every_request_until_it_is_over(
    forge: Forge, given: Callable[[GitHubDouble], None], wait_s: int
) -> None:
    given(forge.github)
    adapter, ref = forge.adapter(), PullRef("moby/moby", 7)
    for moved_s in (0, wait_s - 5):
        forge.clock.ahead_s += moved_s
        with pytest.raises(Unavailable, match=r"it wants no more requests until \d\d:\d\d UTC"):
            await adapter.pull(ref)
    assert len(forge.github.requests) == 1
    forge.clock.ahead_s += 6
    assert (await adapter.pull(ref)).head == SHA


async def test_a_used_up_budget_stops_us_before_github_has_to(forge: Forge) -> None:
    forge.github.quota = 1
    adapter, ref = forge.adapter(), PullRef("moby/moby", 7)
    assert (await adapter.pull(ref)).head == SHA
    with pytest.raises(Unavailable, match="it wants no more requests until"):
        await adapter.pull(ref)
    assert len(forge.github.requests) == 1
    forge.clock.ahead_s += 3601
    assert (await adapter.pull(ref)).head == SHA


PAUSES = [
    pytest.param(200, {}, "", 0, id="nothing said"),
    pytest.param(429, {"retry-after": "-1"}, "", None, id="negative"),
    pytest.param(429, {"retry-after": "9" * 12}, "", 3600, id="for ever"),
    pytest.param(403, {"retry-after": "٣"}, "", None, id="foreign digits"),
    pytest.param(403, {}, "API rate limit exceeded", None, id="exhausted without headers"),
    pytest.param(403, {}, "Resource not accessible by personal access token", 0, id="missing right"),
]


@pytest.mark.parametrize(("status", "headers", "body", "wait_s"), PAUSES)
def test_a_pause_is_never_longer_than_a_window(
    status: int, headers: dict[str, str], body: str, wait_s: float | None
) -> None:
    """F15."""
    assert pause_s(status, headers, body) == wait_s


USED_UP = [
    pytest.param({}, 0, id="nothing said"),
    pytest.param({"x-ratelimit-remaining": "1", "x-ratelimit-reset": str(int(NOW.timestamp()) + 9)}, 0, id="one left"),
    pytest.param({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 9)}, 9, id="none left"),
    pytest.param({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}, 0, id="reset in the past"),
    pytest.param({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "x"}, 0, id="reset is nonsense"),
    pytest.param({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" * 12}, 3600, id="reset in another age"),
]


@pytest.mark.parametrize(("headers", "wait_s"), USED_UP)
def test_a_budget_that_is_used_up_names_its_end(headers: dict[str, str], wait_s: float) -> None:
    assert used_up_s(headers, NOW) == wait_s


PULL = {"number": 7, "state": "open", "head": {"sha": SHA, "repo": None}, "base": {"ref": "master"}, "user": None}
BROKEN = [
    pytest.param({"number": 8}, id="another number"),
    pytest.param({"head": {"sha": SHA[:7]}}, id="short head"),
    pytest.param({"head": None}, id="no head"),
    pytest.param({"state": "ajar"}, id="unknown state"),
]


def test_a_pull_request_of_somebody_who_left_is_read() -> None:
    pull = read_pull(PULL | {"html_url": "javascript:alert(1)", "labels": [None, {}, {"name": 3}]}, PullRef("a/b", 7))
    assert (pull.author, pull.author_id, pull.head_repo, pull.url, pull.labels) == ("ghost", 0, "", "", ())


@pytest.mark.parametrize("change", BROKEN)
def test_half_a_pull_request_is_none(change: dict[str, object]) -> None:
    with pytest.raises(Unreadable):
        read_pull(PULL | change, PullRef("a/b", 7))


@pytest.mark.parametrize("text", ["", "<html>", "[]", "[" * 100_000, '"\ud800"'])
def test_what_is_no_object_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        read_object(text)


async def test_a_check_tells_what_is_wrong_in_sentences(forge: Forge) -> None:
    adapter = forge.adapter()
    assert await adapter.check(["moby/moby"]) == []
    assert await adapter.check(["moby/mobi", "moby"]) == [
        "there is no repository moby/mobi on GitHub, or it is hidden from me",
        "'moby' is not the name of a repository, such as moby/moby",
    ]
    assert await forge.adapter(token="stale").check(["moby/moby", "moby/x"]) == [
        "GitHub refused: the token is not valid (checking moby/moby)"
    ]
