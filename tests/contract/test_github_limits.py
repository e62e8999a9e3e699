"""GitHub's limits and its bad days: what is asked again, what is not, and what waits."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from bot.adapters.github import GitHub
from bot.adapters.github_http import MAX_KNOWN
from bot.adapters.github_limits import Limits
from bot.adapters.github_link import MAX_ANSWER_BYTES
from bot.errors import Unavailable
from bot.settings import GitHubSettings
from bot.values import PullRef, Status, StatusState
from tests.contract.github_rig import REF, REPO, SHA, Clock, Forge, everything, forged

PENDING = Status("janky", StatusState.PENDING)


@pytest_asyncio.fixture
async def forge() -> AsyncIterator[Forge]:
    async with forged() as forge:
        yield forge


# What is known already


async def test_what_has_not_changed_costs_nothing(forge: Forge) -> None:
    adapter = forge.adapter()
    first = await adapter.pull(REF)
    [before] = adapter.budget()
    assert await adapter.pull(REF) == first
    assert [each.left for each in adapter.budget()] == [before.left]
    head = forge.github.push(REPO, 7)
    assert (await adapter.pull(REF)).head == head
    assert [each.left for each in adapter.budget()] == [before.left - 1]


async def test_a_list_that_has_not_changed_keeps_its_other_pages(forge: Forge) -> None:
    forge.github.set_files(REPO, 7, [f"docs/{number}.md" for number in range(150)])
    adapter = forge.adapter()
    first = await adapter.files(REF)
    [before] = adapter.budget()
    assert await adapter.files(REF) == first
    assert [each.left for each in adapter.budget()] == [before.left]


KEPT = [
    pytest.param(lambda adapter, ref: adapter.pull(ref), 30, "x" * 700_000, id="many bytes"),
    pytest.param(lambda adapter, ref: adapter.set_labels(ref), MAX_KNOWN + 10, "", id="many answers"),
]


@pytest.mark.parametrize(("ask", "count", "body"), KEPT)
async def test_no_more_answers_are_kept_than_there_is_room_for(
    forge: Forge, ask: Callable[[GitHub, PullRef], Awaitable[object]], count: int, body: str
) -> None:
    adapter, numbers = forge.adapter(), range(1000, 1000 + count)
    for number in numbers:
        forge.github.open_pull(REPO, title="t", author="ab", number=number, body=body)
    for number in numbers:
        await ask(adapter, PullRef(REPO, number))
    [full] = adapter.budget()
    await ask(adapter, PullRef(REPO, numbers[-1]))
    assert [each.left for each in adapter.budget()] == [full.left]
    await ask(adapter, PullRef(REPO, numbers[0]))
    assert [each.left for each in adapter.budget()] == [full.left - 1]


async def test_threads_do_not_ask_each_others_questions(forge: Forge) -> None:
    """PyGithub keeps what it asks in the connection, which its threads share."""
    for number in range(100, 140):
        forge.github.open_pull(REPO, title=f"No. {number}", author="ab", number=number)
    adapter = forge.adapter()
    pulls = await asyncio.gather(*(adapter.pull(PullRef(REPO, number)) for number in range(100, 140)))
    assert [pull.title for pull in pulls] == [f"No. {number}" for number in range(100, 140)]


# F15: limits


async def test_a_secondary_limit_without_a_time_is_waited_for_twice_as_long_each_time(forge: Forge) -> None:
    """F15."""
    adapter = forge.adapter()
    for wait_s in (60, 120, 240):
        forge.github.limit(retry_after_s=None)
        for moved_s in (0, wait_s - 5):
            forge.clock.ahead_s += moved_s
            with pytest.raises(Unavailable, match="it wants no more requests until"):
                await adapter.pull(REF)
        forge.clock.ahead_s += 6
    assert len(forge.asked()) == 3
    await adapter.pull(REF)
    forge.github.limit(retry_after_s=None)
    with pytest.raises(Unavailable):
        await adapter.pull(REF)
    forge.clock.ahead_s += 61
    await adapter.pull(REF)


ABUSE = "You have triggered an abuse detection mechanism. Please wait a few minutes before you try again."
TOO_QUICK = {"resource": "Status", "code": "unprocessable", "field": "data", "message": "was submitted too quickly"}
OTHER_WORDS = [
    pytest.param(403, {"message": ABUSE}, id="as Enterprise Server says it"),
    pytest.param(422, {"message": "Validation Failed", "errors": [TOO_QUICK]}, id="as what makes content says it"),
]


@pytest.mark.parametrize(("status", "body"), OTHER_WORDS)
async def test_a_limit_in_other_words_is_no_refusal(forge: Forge, status: int, body: object) -> None:
    """F15: a refusal would lose the status, and be counted as one."""
    forge.github.fail(status, text=json.dumps(body))
    outcomes: list[str] = []
    forge.calls.on_ended = lambda neighbour, outcome, seconds: outcomes.append(outcome)
    adapter = forge.adapter()
    with pytest.raises(Unavailable, match="it wants no more requests until"):
        await adapter.set_status(REPO, SHA, PENDING)
    with pytest.raises(Unavailable):
        await adapter.pull(REF)
    assert len(forge.asked()) == 1
    forge.clock.ahead_s += 61
    await adapter.set_status(REPO, SHA, PENDING)
    assert (outcomes[0], {*outcomes[1:]}) == ("limited", {"answered"})


async def test_reads_that_work_do_not_hurry_writes_that_are_too_many(forge: Forge) -> None:
    """F15: a limit that is met by writes again and again is none of the reads between them."""
    adapter = forge.adapter()
    for wait_s in (60, 120):
        forge.github.limit(method="POST", retry_after_s=None)
        with pytest.raises(Unavailable):
            await adapter.set_status(REPO, SHA, PENDING)
        forge.clock.ahead_s += wait_s - 5
        with pytest.raises(Unavailable):
            await adapter.pull(REF)
        forge.clock.ahead_s += 6
        await adapter.pull(REF)


async def test_a_limit_that_a_write_meets_stops_everything(forge: Forge) -> None:
    """F15."""
    forge.github.limit(method="POST", retry_after_s=90)
    adapter = forge.adapter()
    with pytest.raises(Unavailable):
        await adapter.set_status(REPO, SHA, PENDING)
    for ask in (adapter.pull(REF), adapter.heads(REPO), adapter.set_status(REPO, SHA, PENDING)):
        with pytest.raises(Unavailable, match="it wants no more requests until"):
            await ask
    assert len(forge.asked()) == 1
    forge.clock.ahead_s += 91
    await adapter.set_status(REPO, SHA, PENDING)


async def test_the_last_tenth_of_the_points_is_left_by_what_nobody_waits_for(forge: Forge) -> None:
    """F15."""
    forge.github.accounts.points = 20
    adapter = forge.adapter()
    for _ in range(19):
        await adapter.heads(REPO)
    with pytest.raises(Unavailable, match=r"little is left of its budget until \d\d:\d\d UTC"):
        await adapter.heads(REPO)
    assert len(forge.asked()) == 19
    forge.clock.ahead_s += 3601
    assert len(await adapter.open_pulls(REPO)) == 1


async def test_the_last_tenth_of_the_requests_is_for_those_for_whom_somebody_waits(forge: Forge) -> None:
    """F15."""
    forge.github.quota = 20
    adapter = forge.adapter()
    for _ in range(19):
        forge.github.push(REPO, 7)
        await adapter.pull(REF)
    with pytest.raises(Unavailable, match=r"little is left of its budget until \d\d:\d\d UTC"):
        await adapter.missed(REPO, forge.clock.now(), everything)
    head = forge.github.push(REPO, 7)
    assert (await adapter.pull(REF)).head == head


def told(left: int, resets_s: float = 3000, limit: int = 5000) -> dict[str, str]:
    reset = str(int(CLOCK.now().timestamp() + resets_s))
    return {"x-ratelimit-limit": str(limit), "x-ratelimit-remaining": str(left), "x-ratelimit-reset": reset}


CLOCK = Clock()
LEFT = [
    pytest.param([told(10), told(12)], 10, id="overtaken"),
    pytest.param([told(10), told(12, 3001)], 10, id="the same window"),
    pytest.param([told(10), told(4999, 3600 * 2)], 4999, id="a new window"),
    pytest.param([told(4999, 3600 * 2), told(10)], 4999, id="an answer of the old window"),
    pytest.param([told(10), told(60, limit=60)], 60, id="another limit"),
    pytest.param([told(10, -5), told(4999)], 4999, id="a window that is over"),
    pytest.param([told(10), {}], 10, id="nothing said"),
    pytest.param([told(10), told(5) | {"x-ratelimit-resource": "search"}], 10, id="another resource"),
    pytest.param([told(10), told(5) | {"x-ratelimit-limit": "x"}], 10, id="nonsense"),
]


@pytest.mark.parametrize(("answers", "left"), LEFT)
def test_the_least_that_was_told_in_a_window_counts(answers: list[dict[str, str]], left: int) -> None:
    limits = Limits(CLOCK)
    for headers in answers:
        limits.learn(200, headers, "", "core", is_write=False)
    [budget] = limits.budgets()
    assert budget.left == left


def test_a_window_that_is_over_leaves_all_though_nothing_was_asked_since() -> None:
    """On a quiet weekend nobody is to look for who uses the budget up."""
    limits, before = Limits(CLOCK), told(10, resets_s=-5)
    limits.learn(200, before, "", "core", is_write=False)
    [budget] = limits.budgets()
    assert (budget.left, budget.limit) == (5000, 5000)


# Answers without an end


async def test_an_answer_without_an_end_is_not_taken_in(forge: Forge) -> None:
    """A12."""
    pull = {"number": 7, "state": "open", "head": {"sha": SHA}, "body": "a" * MAX_ANSWER_BYTES}
    forge.github.fail(200, text=json.dumps(pull))
    with pytest.raises(Unavailable):
        await forge.adapter().pull(REF)
    assert len(forge.asked()) == 1


async def test_answers_that_trickle_do_not_use_up_the_threads() -> None:
    """F13: no socket limit sees an answer that comes a byte at a time."""
    count, body = 0, json.dumps({"number": 7, "state": "open", "head": {"sha": SHA}}).encode()
    answering = set[asyncio.Task[object] | None]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        answering.add(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        count += 1
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        with contextlib.suppress(ConnectionError):
            if count > 6:
                writer.write(head % len(body) + body)
            else:
                writer.write(head % 10_000)
                while not writer.is_closing():
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.02)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        github = GitHub(GitHubSettings(url=url, timeout_s=0.3), str, Clock())
        came = await asyncio.gather(*(github.pull(REF) for _ in range(6)), return_exceptions=True)
        assert all(isinstance(each, Unavailable) for each in came)
        count = 6
        assert (await github.pull(REF)).head == SHA
        await github.close()
        await asyncio.gather(*(task for task in answering if task is not None))
