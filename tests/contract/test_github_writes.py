"""What Gordon tells GitHub: once each, at its pace, found again by a hidden marker."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise

import pytest
import pytest_asyncio

from bot.adapters.github import GitHub
from bot.adapters.github_http import TURN_S
from bot.adapters.github_limits import Limits
from bot.adapters.github_writes import MAX_BODY
from bot.demo.github.double import GitHubDouble
from bot.errors import GordonError, Refused, Unavailable, Unrecognised, Unsent, UserError
from bot.values import Status, StatusState
from bot.wording import MAX_DESCRIPTION
from tests.contract.github_rig import GORDON, GORDON_ID, REF, REPO, SHA, Clock, Forge, forged

PENDING = Status("janky", StatusState.PENDING, "waits in the queue", "https://ci.example/1")
KEY = "ghp_" + "a1" * 18
Write = Callable[[GitHub], Awaitable[object]]


@pytest_asyncio.fixture
async def forge() -> AsyncIterator[Forge]:
    async with forged() as forge:
        yield forge


async def test_a_status_is_told_as_it_was_given(forge: Forge) -> None:
    adapter = forge.adapter()
    await adapter.set_status(REPO, SHA, PENDING)
    assert await adapter.statuses(REPO, SHA) == {"janky": PENDING}
    [told] = forge.github.statuses(REPO, SHA)
    assert told.creator == GORDON


DESCRIPTIONS = [
    pytest.param("é" * MAX_DESCRIPTION, "é" * MAX_DESCRIPTION, id="just right"),
    pytest.param("é" * (MAX_DESCRIPTION + 1), "é" * (MAX_DESCRIPTION - 1) + "…", id="one too many"),
    pytest.param("two\r\nlines\x00\u202eand more", "two lines and more", id="lines"),
    pytest.param(f"key {KEY}", "key [secret]", id="secret"),
    pytest.param("", "", id="empty"),
    pytest.param("on \U0001f41b-7 日本", "on \ufffd-7 日本", id="more than three bytes a character"),
]


@pytest.mark.parametrize(("given", "told"), DESCRIPTIONS)
async def test_a_description_is_one_line_that_github_takes(forge: Forge, given: str, told: str) -> None:
    adapter = forge.adapter()
    await adapter.set_status(REPO, SHA, Status("janky", StatusState.ERROR, given))
    assert (await adapter.statuses(REPO, SHA))["janky"].description == told


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://x/" + "a" * 2048], ids=["script", "long"])
async def test_a_link_that_is_none_is_left_out(forge: Forge, url: str) -> None:
    adapter = forge.adapter()
    await adapter.set_status(REPO, SHA, Status("janky", StatusState.SUCCESS, "", url))
    assert (await adapter.statuses(REPO, SHA))["janky"].url == ""


@pytest.mark.parametrize(("sha", "context"), [(SHA[:7], "janky"), (SHA, ""), (SHA, "x" * 256)])
async def test_what_is_no_status_is_sent_nowhere(forge: Forge, sha: str, context: str) -> None:
    with pytest.raises(UserError):
        await forge.adapter().set_status(REPO, sha, Status(context, StatusState.SUCCESS))
    assert forge.github.requests == []


async def test_a_refusal_is_in_githubs_own_words(forge: Forge) -> None:
    words = {"message": "Validation Failed", "errors": [{"message": "too many statuses"}, {"field": "a", "code": "b"}]}
    forge.github.fail(422, text=json.dumps(words))
    with pytest.raises(Refused, match=r"422 \(setting the status janky of 9f1c9f1\): Validation Failed; too many sta"):
        await forge.adapter().set_status(REPO, SHA, PENDING)
    with pytest.raises(Refused, match=r"No commit found|is not there"):
        await forge.adapter().set_status(REPO, "a" * 40, PENDING)


# Comments


async def test_a_comment_is_found_changed_and_taken_away(forge: Forge) -> None:
    adapter = forge.adapter()
    assert await adapter.marked_comment(REF, "dco") is None
    made = await adapter.comment(REF, "dco", "Please sign.\n\nThanks")
    assert made.body == "Please sign.\n\nThanks"
    assert forge.github.comments(REPO, 7) == [(made.id, GORDON, "<!-- gordon:dco -->\nPlease sign.\n\nThanks")]
    assert await adapter.marked_comment(REF, "dco") == made
    changed = await adapter.edit_comment(REF, made.id, "dco", "Still")
    assert await adapter.marked_comment(REF, "dco") == changed
    assert (changed.id, changed.body, changed.author.number) == (made.id, "Still", GORDON_ID)
    for _ in range(2):
        await adapter.delete_comment(REF, made.id)
    assert forge.github.comments(REPO, 7) == []
    with pytest.raises(UserError, match="the comment is gone"):
        await adapter.edit_comment(REF, made.id, "dco", "Again")


async def test_nobody_elses_comment_is_taken_for_ours(forge: Forge) -> None:
    forge.github.comment(REPO, 7, "<!-- gordon:dco -->\nnot ours", by="mallory")
    forge.github.comment(REPO, 7, "see\n<!-- gordon:dco -->\nquoted", by=GORDON)
    forge.github.comment(REPO, 7, "<!-- gordon:dco/2 -->\nanother", by=GORDON)
    assert await forge.adapter().marked_comment(REF, "dco") is None


async def test_our_newest_comment_is_found_from_the_end(forge: Forge) -> None:
    github, adapter = forge.github, forge.adapter()
    github.comment(REPO, 7, "<!-- gordon:dco -->\nold", by=GORDON)
    for number in range(310):
        github.comment(REPO, 7, f"{number}", by="cd")
    github.comment(REPO, 7, "<!-- gordon:dco -->\nnewer", by=GORDON)
    github.comment(REPO, 7, "<!-- gordon:dco -->\r\nnew", by=GORDON)
    github.comment(REPO, 7, "later", by="cd")
    found = await adapter.marked_comment(REF, "dco")
    assert found is not None
    assert found.body == "new"
    assert len(forge.asked(path="/comments")) == 2
    assert await adapter.marked_comment(REF, "other") is None
    assert len(forge.asked(path="/user")) == 1


async def test_an_old_comment_is_found_on_the_first_of_many_pages(forge: Forge) -> None:
    forge.github.comment(REPO, 7, "<!-- gordon:dco -->\nold", by=GORDON)
    for number in range(310):
        forge.github.comment(REPO, 7, f"{number}", by="cd")
    found = await forge.adapter().marked_comment(REF, "dco")
    assert found is not None
    assert found.body == "old"
    assert len(forge.asked(path="/comments")) == 4


@pytest.mark.parametrize("marker", ["", "a -->", "a--b", "a\nb", "x" * 201, "ä"])
async def test_a_marker_cannot_end_the_comment_that_hides_it(forge: Forge, marker: str) -> None:
    with pytest.raises(UserError, match="cannot mark a comment"):
        await forge.adapter().comment(REF, marker, "text")
    assert forge.github.requests == []


async def test_a_comment_is_no_longer_than_github_takes_and_has_no_secrets(forge: Forge) -> None:
    made = await forge.adapter().comment(REF, "log", f"{KEY} " + "é" * MAX_BODY)
    [(_, _, body)] = forge.github.comments(REPO, 7)
    assert len(body) == MAX_BODY
    assert made.body.startswith("[secret] é")
    assert body.endswith("é…")


async def test_cutting_secrets_takes_no_mark_away_that_ends_code(forge: Forge) -> None:
    """A26: else what stands in code, as lines of a log, would call people."""
    text = "failed: `@jess token=`, `password=hunter2`\n\n```text\nauthorization:\n```\n`x`"
    made = await forge.adapter().comment(REF, "log", text)
    assert made.body == text.replace("hunter2", "[secret]")


# Labels and reactions


async def test_labels_are_read_first_and_only_what_differs_is_written(forge: Forge) -> None:
    adapter = forge.adapter()
    told = await adapter.set_labels(REF, add=["BUG", "dco/no", "x & y", "dco/no"], remove=["Area/X", "gone"])
    assert set(told) == {"bug", "dco/no", "x & y"}
    assert set((await adapter.pull(REF)).labels) == set(told)
    assert forge.asked("DELETE") == ["/repos/moby/moby/issues/7/labels/area%2Fx"]
    assert await adapter.set_labels(REF, remove=["dco/no"]) == ["bug", "x & y"]
    assert len(forge.asked("POST")) == 1
    assert await adapter.set_labels(REF, add=["bug"], remove=["dco/no"]) == ["bug", "x & y"]
    assert len(forge.asked("DELETE")) == 2


async def test_a_label_that_somebody_took_away_meanwhile_is_no_mistake(forge: Forge) -> None:
    def take_away(asked: object) -> None:
        if len(forge.github.requests) == 2:
            forge.github.unlabel(REPO, 7, "bug")

    forge.github.before_answer = take_away
    assert await forge.adapter().set_labels(REF, remove=["bug"]) == ["area/x"]


@pytest.mark.parametrize("name", ["", "x" * 51, "a\nb"])
async def test_what_cannot_be_a_label_is_sent_nowhere(forge: Forge, name: str) -> None:
    with pytest.raises(UserError, match="cannot be a label"):
        await forge.adapter().set_labels(REF, add=[name])
    assert forge.github.requests == []


async def test_a_reaction_is_there_once(forge: Forge) -> None:
    comment = forge.github.comment(REPO, 7, "!rebuild", by="cd")
    adapter = forge.adapter()
    for _ in range(2):
        await adapter.react(REF, comment, "+1")
    [reaction] = forge.github.repo(REPO).comments[comment].reactions
    assert (reaction.content, reaction.author) == ("+1", GORDON)
    with pytest.raises(UserError, match="is gone"):
        await adapter.react(REF, comment + 1000, "eyes")
    with pytest.raises(UserError, match="is no reaction: GitHub has"):
        await adapter.react(REF, comment, "thumbsup")


# F14: a write is sent once, whatever comes of it


WRITES = [
    pytest.param(lambda adapter: adapter.set_status(REPO, SHA, PENDING), "POST", id="status"),
    pytest.param(lambda adapter: adapter.comment(REF, "dco", "text"), "POST", id="comment"),
    pytest.param(lambda adapter: adapter.set_labels(REF, add=["dco/no"]), "POST", id="label"),
    pytest.param(lambda adapter: adapter.set_labels(REF, remove=["bug"]), "DELETE", id="unlabel"),
    pytest.param(lambda adapter: adapter.edit_comment(REF, 1000, "dco", "text"), "PATCH", id="edit"),
    pytest.param(lambda adapter: adapter.delete_comment(REF, 1000), "DELETE", id="delete"),
    pytest.param(lambda adapter: adapter.react(REF, 1000, "eyes"), "POST", id="react"),
]
LOST: list[Callable[[GitHubDouble, str], None]] = [
    lambda github, method: github.fail(502, method=method),
    lambda github, method: github.fail(503, method=method),
    lambda github, method: github.fail(500, method=method),
    lambda github, method: github.fail(504, method=method),
    lambda github, method: github.reset(method=method),
    lambda github, method: github.commit_then_drop(method=method),
    lambda github, method: github.commit_then_drop(method=method, status=502),
]
LOST_IDS = ["502", "503", "500", "504", "reset", "done and dropped", "done and 502"]


@pytest.mark.parametrize(("write", "method"), WRITES)
@pytest.mark.parametrize("lose", LOST, ids=LOST_IDS)
async def test_a_write_whose_answer_is_lost_is_sent_once(
    forge: Forge, write: Write, method: str, lose: Callable[[GitHubDouble, str], None]
) -> None:
    """F14."""
    lose(forge.github, method)
    with pytest.raises(Unavailable):
        await write(forge.adapter())
    assert len(forge.asked(method)) == 1


@pytest.mark.parametrize(("write", "method"), WRITES)
async def test_a_write_that_is_not_answered_is_sent_once(forge: Forge, write: Write, method: str) -> None:
    """F14."""
    forge.github.hang(method=method)
    given = asyncio.ensure_future(write(forge.adapter(timeout_s=0.5)))
    await forge.github.hanging()
    with pytest.raises(Unavailable):
        await given
    assert len(forge.asked(method)) == 1


REFUSED = [
    pytest.param(401, "Bad credentials", Unrecognised, "the token is not valid", id="401"),
    pytest.param(403, "Resource not accessible by integration", Refused, "may not write to moby/moby: Reso", id="403"),
    pytest.param(404, "Not Found", Refused, "is not there, or the token may not write", id="404"),
    pytest.param(410, "Issues are disabled", Refused, "Issues are disabled", id="410"),
    pytest.param(422, "Validation Failed", Refused, "Validation Failed", id="422"),
    pytest.param(307, "Moved", Refused, "has moby/moby another name now", id="307"),
    pytest.param(429, "Slow down", Unavailable, "wants no more requests", id="429"),
]


@pytest.mark.parametrize(("status", "message", "error", "words"), REFUSED)
async def test_a_refused_write_is_sent_once_and_told_for_what_it_is(
    forge: Forge, status: int, message: str, error: type[GordonError], words: str
) -> None:
    forge.github.fail(status, message=message)
    with pytest.raises(error, match=words):
        await forge.adapter().set_status(REPO, SHA, PENDING)
    assert len(forge.asked("POST")) == 1
    assert forge.github.statuses(REPO, SHA) == []


async def test_a_write_that_was_given_up_before_its_turn_is_never_sent(forge: Forge) -> None:
    """F14: whoever gave up looks, and must not be overtaken by what was sent after all."""
    forge.github.hang(method="POST")
    adapter = forge.adapter()
    first = asyncio.create_task(adapter.set_status(REPO, SHA, PENDING))
    await forge.github.hanging()
    second = asyncio.create_task(adapter.comment(REF, "dco", "text"))
    await asyncio.sleep(0)
    second.cancel()
    forge.github.resume()
    await first
    await adapter.set_status(REPO, SHA, PENDING)
    assert second.cancelled()
    assert forge.asked("POST", "/comments") == []


# GitHub's pace


async def test_writes_go_one_at_a_time_and_a_second_apart(forge: Forge) -> None:
    """F15, G15."""
    at_once, most = 0, 0
    seen: list[float] = []

    def before(_: object) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        seen.append(forge.clock.monotonic_s())

    def after(*_: object) -> None:
        nonlocal at_once
        at_once -= 1

    forge.github.before_answer, forge.github.after_answer = before, after
    adapter = forge.adapter()
    statuses = [Status(f"context-{number}", StatusState.PENDING) for number in range(8)]
    await asyncio.gather(*(adapter.set_status(REPO, SHA, status) for status in statuses))
    assert most == 1
    assert min(later - earlier for earlier, later in pairwise(seen)) >= 1
    assert {status.context for status in forge.github.statuses(REPO, SHA)} == {each.context for each in statuses}


async def test_a_write_whose_turn_does_not_come_is_not_sent_later(forge: Forge) -> None:
    adapter = forge.adapter()
    statuses = [Status(f"context-{number}", StatusState.PENDING) for number in range(30)]
    given = [adapter.set_status(REPO, SHA, status) for status in statuses]
    came = await asyncio.gather(*given, return_exceptions=True)
    late = [each for each in came if each is not None]
    assert all(isinstance(each, Unsent) for each in late)
    assert {str(each).partition(": ")[2] for each in late} == {"too many writes of ours wait for it)"}
    assert TURN_S - 3 < len(forge.asked("POST")) <= TURN_S + 1


@pytest.mark.parametrize(("most", "within_s"), [(80, 60), (500, 3600)])
def test_no_more_is_written_than_github_lets_through(most: int, within_s: int) -> None:
    clock, written = Clock(), list[float]()
    limits = Limits(clock)
    for _ in range(2 * most):
        clock.ahead_s += limits.write_wait_s()
        written.append(clock.ahead_s)
        limits.wrote()
    spans = [later - earlier for earlier, later in zip(written, written[most:], strict=False)]
    assert min(spans) >= within_s - 1  # the machine's own time passes, too
