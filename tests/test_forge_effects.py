"""Statuses, comments, labels and reactions, written once whatever is lost, and none undone by an older one (F14)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.audit import Audit
from bot.clock import SystemClock
from bot.context import Edge, EdgeForge
from bot.database import Database
from bot.effects import Effects
from bot.errors import Refused, Unrecognised, Unsent, UserError, Void
from bot.forge_effects import KINDS, forge_kinds
from bot.live import Facts, Live
from bot.people import People
from bot.rights import Asker
from bot.values import Comment, Place, Pull, PullRef, Speaker, Status, StatusState
from tests.fake_forge import GORDON, LOST, NOON, FakeForge, no_answer
from tests.watch_rig import settings_of

REPO, SHA = "moby/moby", "3f2c1ab9" * 5
REF = PullRef(REPO, 7)
PULL = Pull(REF, "Fix", "icecrime", 7, SHA, "master", "icecrime/moby", "https://gh/7", labels=("bug",))
CLOCK = SystemClock(speed=40.0)  # the first try after a lost answer comes 50 ms later
WAITS, PASSED = Status("janky", StatusState.PENDING, "queued"), Status("janky", StatusState.SUCCESS, "passed")
Do = Callable[[EdgeForge], Awaitable[None]]


@dataclass(frozen=True)
class Running:
    """Effects as one process has them."""

    effects: Effects
    audit: Audit
    forge: FakeForge | None

    def of(self, event_key: str, person: str = "") -> EdgeForge:
        """Give what a handler of one event has."""
        asker = Asker(event_key, "p.h", Speaker("", "gordon"), Place("", ""), person=person)
        live = Live(Facts(settings_of(), People({}, {})))
        return EdgeForge(self.forge, self.effects, Edge(asyncio.get_running_loop()), live, asker)

    async def decisions(self) -> list[str]:
        return [str(one["decision"]) for one in reversed(await self.audit.newest(50))]


@asynccontextmanager
async def process(folder: Path, forge: FakeForge | None, patience_s: float = 600.0) -> AsyncIterator[Running]:
    """Be one process; at its end calls under way are cut off."""
    database = Database(folder / "gordon.db")
    audit = Audit(database, CLOCK, "here", lambda: "policy")
    effects = Effects(database, CLOCK, audit, forge_kinds(forge, database), lambda: patience_s)
    try:
        yield Running(effects, audit, forge)
    finally:
        await effects.stop(0.0)
        await asyncio.to_thread(database.close)


def forge_of(*labels: str, deadline_s: float = 0.0) -> FakeForge:
    return FakeForge(deadline_s=deadline_s, known={REF: replace(PULL, labels=labels or PULL.labels)})


def told(forge: FakeForge) -> Status | None:
    return forge.shown.get((REPO, SHA), {}).get("janky")


def said(forge: FakeForge) -> str:
    return forge.marked[REF, "m"].body if (REF, "m") in forge.marked else ""


async def waits(ctx: EdgeForge) -> None:
    await ctx.set_status(REPO, SHA, WAITS)


async def passed(ctx: EdgeForge) -> None:
    await ctx.set_status(REPO, SHA, PASSED)


async def comments(ctx: EdgeForge) -> None:
    await ctx.put_comment(REF, "m", "Welcome")


async def labels(ctx: EdgeForge) -> None:
    await ctx.set_labels(REF, add=["area/docs"], remove=["bug"])


WRITES = [
    pytest.param(passed, ["janky success"], id="status"),
    pytest.param(comments, ["post Welcome"], id="comment"),
    pytest.param(labels, ["+area/docs -bug"], id="labels"),
]


@pytest.mark.parametrize(("do", "written"), WRITES)
async def test_what_is_wanted_is_written_once_and_not_again_when_it_is_so(
    tmp_path: Path, do: Do, written: list[str]
) -> None:
    forge = forge_of()
    async with process(tmp_path, forge) as running:
        await do(running.of("e1"))
        await do(running.of("e1"))
        await do(running.of("e2"))
    assert forge.written == written


@pytest.mark.parametrize(("do", "written"), WRITES)
async def test_f14_a_lost_answer_is_looked_up_and_the_write_never_repeated(
    tmp_path: Path, do: Do, written: list[str]
) -> None:
    forge = forge_of()
    forge.answers.append(LOST)
    async with process(tmp_path, forge) as running:
        await do(running.of("e1"))
    assert forge.written == written


@pytest.mark.parametrize(("do", "written"), WRITES)
async def test_f14_what_did_not_arrive_is_written_once(tmp_path: Path, do: Do, written: list[str]) -> None:
    forge = forge_of()
    forge.answers.extend([no_answer(), no_answer()])
    async with process(tmp_path, forge) as running:
        await do(running.of("e1"))
    assert forge.written == written


@pytest.mark.parametrize(("do", "written"), WRITES)
async def test_what_was_not_sent_at_all_is_sent_next_without_waiting_for_it(
    tmp_path: Path, do: Do, written: list[str]
) -> None:
    """With two hundred statuses at once most have to wait for their turn; while they do the pace is used."""
    forge = forge_of(deadline_s=60.0)
    async with process(tmp_path, forge) as running:
        forge.answers.extend([Unsent("GitHub", "writing"), Unsent("GitHub", "writing")])
        await do(running.of("e1"))
    assert forge.written == written


@pytest.mark.parametrize("at", ["look", "write"])
@pytest.mark.parametrize(("do", "written"), WRITES)
async def test_f45_what_is_written_while_the_token_is_changed_is_not_lost(
    tmp_path: Path, do: Do, written: list[str], at: str
) -> None:
    """Nobody waits for a status who could ask for it again."""
    forge = forge_of()
    trouble = Unrecognised("GitHub", "the token is not valid")
    if at == "look":
        forge.troubles.append(trouble)
    else:
        forge.answers.append(trouble)
    async with process(tmp_path, forge) as running:
        await do(running.of("e1"))
        assert await running.decisions() == ["sent"]
    assert forge.written == written


@pytest.mark.parametrize("did_it", [pytest.param(True, id="it-was-written"), pytest.param(False, id="it-was-not")])
@pytest.mark.parametrize(("do", "written"), WRITES)
async def test_what_a_dead_process_left_is_looked_up_first(
    tmp_path: Path, do: Do, written: list[str], did_it: bool
) -> None:
    forge = forge_of()
    forge.silent = asyncio.Event()
    async with process(tmp_path, forge) as running:
        begun = asyncio.create_task(running_do(running, do))
        await forge.began.wait()
        begun.cancel()
    forge.silent = None
    if did_it:
        (tmp_path / "elsewhere").mkdir()
        async with process(tmp_path / "elsewhere", forge) as other:
            await do(other.of("e1"))
    async with process(tmp_path, forge) as running:
        await running.effects.resume()
        await do(running.of("e1"))
    assert forge.written == written


async def running_do(running: Running, do: Do) -> None:
    await do(running.of("e1"))


async def test_a_newer_status_voids_an_older_one_that_is_not_settled(tmp_path: Path) -> None:
    forge = forge_of()
    forge.answers.append(no_answer())
    async with process(tmp_path, forge) as running:
        older = asyncio.create_task(running_do(running, waits))
        await forge.began.wait()
        await passed(running.of("e2"))
        with pytest.raises(Void, match="something newer"):
            await older
        assert await running.decisions() == ["sent", "void"]
    assert forge.written == ["janky success"]


async def test_a_status_whose_answer_was_lost_and_that_lands_late_does_not_undo_a_newer_one(tmp_path: Path) -> None:
    forge = forge_of(deadline_s=0.3)
    forge.answers.append(0.15)
    async with process(tmp_path, forge) as running:
        await asyncio.sleep(forge.deadline_s)  # so that nothing of an earlier process could be under way
        older = asyncio.create_task(running_do(running, waits))
        await forge.began.wait()
        await passed(running.of("e2"))
        with pytest.raises(Void):
            await older
        await forge.close()
    assert forge.written == ["janky pending", "janky success"]
    assert told(forge) == PASSED


async def test_what_a_dead_process_sent_and_lands_late_does_not_undo_a_newer_one(tmp_path: Path) -> None:
    forge = forge_of(deadline_s=0.3)
    forge.silent = asyncio.Event()
    async with process(tmp_path, forge) as running:
        older = asyncio.create_task(running_do(running, waits))
        await forge.began.wait()
        older.cancel()
    forge.silent = None
    forge.answers.append(0.15)
    with pytest.raises(type(no_answer())):  # the request that the dead process had on its way
        await forge.set_status(REPO, SHA, WAITS)
    async with process(tmp_path, forge) as running:
        await passed(running.of("e2"))
        await forge.close()
    assert forge.written == ["janky pending", "janky success"]
    assert told(forge) == PASSED


async def test_statuses_of_other_contexts_and_commits_do_not_wait_for_each_other(tmp_path: Path) -> None:
    forge = forge_of(deadline_s=30.0)
    forge.answers.append(no_answer())
    async with process(tmp_path, forge) as running:
        hung = asyncio.create_task(running_do(running, waits))
        await forge.began.wait()
        await running.of("e2").set_status(REPO, SHA, replace(PASSED, context="docker/janky"))
        await running.of("e3").set_status(REPO, "0" * 40, PASSED)
        hung.cancel()
        assert await running.decisions() == ["sent", "sent"]


async def test_a_long_description_is_cut_and_compared_as_it_was_cut(tmp_path: Path) -> None:
    forge, long = forge_of(), replace(PASSED, description="x" * 200)
    async with process(tmp_path, forge) as running:
        await running.of("e1").set_status(REPO, SHA, long)
        await running.of("e2").set_status(REPO, SHA, long)
    shown = told(forge)
    assert shown is not None
    assert (len(shown.description), shown.description[-3:]) == (140, "...")
    assert len(forge.written) == 1


@pytest.mark.parametrize(
    ("there", "body", "written"),
    [
        pytest.param("", "Welcome", ["post Welcome"], id="none-yet"),
        pytest.param("Hello", "Welcome", ["edit Welcome"], id="edited-in-place"),
        pytest.param("Welcome", "Welcome", [], id="says-so-already"),
        pytest.param("Hello", "", ["delete"], id="taken-away"),
        pytest.param("", "", [], id="nothing-to-take-away"),
    ],
)
@pytest.mark.parametrize("answer", [pytest.param(None, id="answered"), pytest.param(LOST, id="F14-answer-lost")])
async def test_there_is_one_comment_of_a_marker(
    tmp_path: Path, there: str, body: str, written: list[str], answer: str | None
) -> None:
    forge = forge_of()
    if there:
        forge.marked[REF, "m"] = Comment(41, GORDON, there, NOON)
    forge.marked[REF, "other"] = Comment(42, GORDON, "Leave me", NOON)
    forge.answers.append(answer)
    async with process(tmp_path, forge) as running:
        await running.of("e1").put_comment(REF, "m", body)
    assert forge.written == written
    assert said(forge) == body
    assert forge.marked[REF, "other"].body == "Leave me"


@pytest.mark.parametrize(
    ("there", "add", "remove", "written"),
    [
        pytest.param(("bug",), ["docs"], ["bug"], ["+docs -bug"], id="both"),
        pytest.param(("bug", "docs"), ["docs"], ["bug"], ["+ -bug"], id="one-is-there"),
        pytest.param(("Docs",), ["docs"], ["bug"], [], id="in-any-case"),
    ],
)
async def test_only_labels_that_differ_are_written(
    tmp_path: Path, there: tuple[str, ...], add: list[str], remove: list[str], written: list[str]
) -> None:
    forge = forge_of(*there)
    async with process(tmp_path, forge) as running:
        await running.of("e1").set_labels(REF, add=add, remove=remove)
    assert forge.written == written


async def test_an_older_wish_leaves_alone_the_labels_that_a_newer_one_names(tmp_path: Path) -> None:
    forge = forge_of("triage")
    forge.answers.append(no_answer())
    async with process(tmp_path, forge) as running:
        older = asyncio.create_task(running.of("e1").set_labels(REF, add=["bug", "docs"]))
        await forge.began.wait()
        await running.of("e2").set_labels(REF, remove=["bug", "triage"])
        await older
    assert forge.written == ["+ -triage", "+docs -"]
    assert forge.known[REF].labels == ("docs",)


async def test_nothing_is_written_late_on_a_pull_request_that_is_gone(tmp_path: Path) -> None:
    forge = forge_of()
    forge.answers.append(no_answer())
    async with process(tmp_path, forge) as running:
        begun = asyncio.create_task(running_do(running, comments))
        await forge.began.wait()
        del forge.known[REF]
        with pytest.raises(Void, match="there is no pull request #7"):
            await begun
    assert forge.written == []


async def test_f14_what_was_written_and_not_answered_is_told_as_written_though_the_pull_request_is_gone(
    tmp_path: Path,
) -> None:
    forge = forge_of()
    forge.answers.append(LOST)
    forge.silent = asyncio.Event()
    async with process(tmp_path, forge) as running:
        begun = asyncio.create_task(running_do(running, comments))
        await forge.began.wait()
        del forge.known[REF]
        forge.silent.set()
        await begun
        assert await running.decisions() == ["sent"]


async def test_a_reaction_whose_answer_was_lost_is_asked_for_again(tmp_path: Path) -> None:
    forge = forge_of()
    forge.answers.append(LOST)
    async with process(tmp_path, forge) as running:
        await running.of("e1").react(REF, 41, "eyes")
    assert forge.reactions == {(REF, 41, "eyes")}


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Refused("GitHub", "the token may not do that"), id="refused"),
        pytest.param(UserError("this commit has 1000 statuses"), id="not-possible"),
    ],
)
async def test_what_the_forge_does_not_take_is_void_and_in_the_trail(
    tmp_path: Path, error: Refused | UserError
) -> None:
    forge = forge_of()
    forge.answers.append(error)
    async with process(tmp_path, forge) as running:
        with pytest.raises(Void, match=str(error)):
            await passed(running.of("e1", person="jess"))
        [record] = await running.audit.newest(1)
    assert (record["decision"], record["person"], record["head_sha"]) == ("void", "jess", SHA)


async def test_what_no_person_asked_for_is_recorded_as_gordons(tmp_path: Path) -> None:
    async with process(tmp_path, forge_of()) as running:
        await comments(running.of("e1"))
        [record] = await running.audit.newest(1)
    assert (record["person"], record["pr"], record["effect"]) == ("gordon", 7, "comment.put")
    assert record["params_redacted"] == {"marker": "m", "body": "Welcome"}


async def test_what_is_not_settled_yet_is_counted(tmp_path: Path) -> None:
    forge = forge_of()
    forge.silent = asyncio.Event()
    async with process(tmp_path, forge) as running:
        begun = asyncio.create_task(running_do(running, passed))
        await forge.began.wait()
        assert (running.effects.under_way(KINDS), running.effects.under_way(("build.start",))) == (1, 0)
        forge.silent.set()
        await begun
        assert running.effects.under_way(KINDS) == 0


async def test_without_a_forge_nothing_is_written_and_the_reason_told(tmp_path: Path) -> None:
    async with process(tmp_path, None) as running:
        with pytest.raises(Void, match="no \\[github\\] is configured"):
            await passed(running.of("e1"))
        with pytest.raises(UserError, match="no \\[github\\] is configured"):
            await running.of("e1").pull(REF)
