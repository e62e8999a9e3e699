"""Builds that nobody asked for: once each, of commits that somebody here has written or looked at, and of no other."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.demo.jenkins.ledger import CommitThenDrop, Fault, Hang, Late, Reset
from bot.demo.jenkins.model import Plan
from bot.demo.world import CHANNEL, PLUGINS, REPO, World
from bot.live import Facts
from bot.people import People
from bot.rights import Asker
from bot.testing import NETWORK, Gordon, running
from bot.values import Place, PullRef, Speaker
from tests.world.crash_rig import trigger_by_hand
from tests.world.failing import FLAKE, GREEN, NUMBERS, Tries
from tests.world.honesty import on_disk, until
from tests.world.retries_rig import LATER, due, planned

OWN = Path(__file__).parent / "own_plugins"
JOB, TRIGGER = "docker-prs", "/job/docker-prs/buildWithParameters"
LONG = Plan(duration_s=600.0)
NOBODY = People({}, {})
LOST = [
    pytest.param(CommitThenDrop(), id="the answer is lost"),
    pytest.param(Hang(commit=True), id="the answer never comes"),
    pytest.param(Late(0.3), id="the POST arrives late"),
    pytest.param(Reset(), id="the POST never arrives"),
]


@asynccontextmanager
async def building(
    folder: Path, plan: Plan | Tries = LONG, config: str = "", *, quiet_period_s: float = 0.0, **numbers: float
) -> AsyncIterator[Gordon]:
    """Run a Gordon that builds every pull request of whom it trusts, as `own_plugins/building.py` does."""
    world = World(
        folder,
        with_hook=True,
        plugins=(*PLUGINS, "building"),
        plugin_folder=OWN,
        quiet_period_s=quiet_period_s,
        executors=100,
        numbers={**NUMBERS, "timeout_s": 0.5, "again_after_s": 0.1, **numbers},
    )
    async with world:
        world.build_of(plan if isinstance(plan, Tries) else lambda starting: plan)
        with world.config.open("a", encoding="utf-8") as file:
            file.write(config)
        async with running(folder, world=world) as gordon:
            await world.send_webhook_to(gordon.app)
            await on_disk(gordon, "SELECT count(*) FROM compared")  # what is open by then is no news
            yield gordon


def built(gordon: Gordon, number: int = 0) -> list[str]:
    """List the commits that were put into the queue, by the stand-in's ledger; of one pull request, if one is named."""
    triggers = [each for each in gordon.world.jenkins.ledger.triggers if not each.folded and each.job == JOB]
    wanted = [each for each in triggers if not number or each.parameters["PR"] == str(number)]
    return [str(each.parameters["GIT_SHA1"]) for each in wanted]


async def settled(gordon: Gordon) -> None:
    """Wait until all that was told is worked off."""
    await gordon.world.github.hooks.settled()
    await on_disk(gordon, "SELECT count(*) = 0 FROM deliveries WHERE handler LIKE 'building%'")


async def known(gordon: Gordon, sha: str) -> None:
    """Wait until a head is in the book; of two pushes in one second that takes a second look."""
    await on_disk(gordon, f"SELECT count(*) FROM pulls WHERE head = '{sha}'")
    await settled(gordon)


def open_by(gordon: Gordon, author: str) -> tuple[int, str]:
    """Open a pull request; give its number and head."""
    number = gordon.world.github.open_pull(REPO, title="One more", author=author)
    return number, gordon.world.github.pull_record(REPO, number).head


async def test_whatever_is_told_of_a_commit_it_is_built_once(tmp_path: Path) -> None:
    """F16: two handlers, two calls in each, and five things that happen."""
    async with building(tmp_path) as gordon:
        number, head = open_by(gordon, "tianon")
        for label in "abcd":
            gordon.world.github.label(REPO, number, label)
        await settled(gordon)
        assert built(gordon, number) == [head]
        [record] = [one for one in await gordon.app.audit.newest(50) if one.get("job") == f"ci/{JOB}"]
        assert (record["surface"], record["command"]) == ("automatic", "building")
        assert record["args"] == "master, trusted by its author"
        assert record["message_id"].startswith(f"pull:{REPO}#{number}:")
        assert not record.get("person")


async def test_another_base_is_another_occasion(tmp_path: Path) -> None:
    """A20: what passed for one branch says nothing of another; an outsider's has to be looked at again."""
    async with building(tmp_path, GREEN) as gordon:
        [(ours, head), (theirs, seen)] = [open_by(gordon, author) for author in ("tianon", "stranger")]
        await known(gordon, seen)
        assert "is built" in await gordon.say("tianon", f"ok moby#{theirs}")
        await until(lambda: built(gordon, ours) == [head] and built(gordon, theirs) == [seen])
        for number in (ours, theirs):
            gordon.world.github.edit(REPO, number, base="release")
        await settled(gordon)
        await until(lambda: built(gordon, ours) == [head, head])
        assert built(gordon, theirs) == [seen]


@pytest.mark.parametrize(
    ("author", "times"),
    [
        pytest.param("tianon", 2, id="of somebody here: what was cancelled is built again"),
        pytest.param("stranger", 1, id="A19 of a stranger: looked at once"),
    ],
)
async def test_a_commit_that_is_back(tmp_path: Path, author: str, times: int) -> None:
    async with building(tmp_path) as gordon:
        number, head = open_by(gordon, author)
        await settled(gordon)
        await gordon.say("tianon", f"ok moby#{number}", expect="is built")
        between = gordon.world.github.push(REPO, number)
        await known(gordon, between)
        gordon.world.github.push(REPO, number, head, force=True)
        await known(gordon, head)
        await until(lambda: built(gordon, number).count(head) == times)
        assert set(built(gordon, number)) <= ({head, between} if author == "tianon" else {head})


async def test_a_build_that_somebody_else_has_started_is_taken_for_it(tmp_path: Path) -> None:
    """And nothing is built when that is over, whatever is told then."""
    async with building(tmp_path, Plan(duration_s=4.0)) as gordon:
        number, _ = open_by(gordon, "stranger")
        await trigger_by_hand(gordon.world, number, "janky")
        head = gordon.world.github.pull_record(REPO, number).head
        await known(gordon, head)
        assert await gordon.say("tianon", f"ok moby#{number}", expect=head[:7])
        hub = gordon.world.github
        await until(lambda: any(one.state == "success" for one in hub.statuses(REPO, head)))
        hub.label(REPO, number, "later")
        await settled(gordon)
        assert built(gordon, number) == [head]


@pytest.mark.parametrize("fault", LOST)
async def test_an_answer_that_is_lost_is_one_build(tmp_path: Path, fault: Fault) -> None:
    """F23."""
    async with building(tmp_path) as gordon:
        gordon.world.jenkins.faults.next("POST", TRIGGER, fault)
        number, head = open_by(gordon, "tianon")
        await until(lambda: built(gordon, number))
        gordon.world.github.label(REPO, number, "later")
        await settled(gordon)
        assert built(gordon, number) == [head]


async def taken_back(gordon: Gordon, number: int) -> None:
    speaker = Speaker(NETWORK, "tianon", "tianon", "test")
    asker = Asker("k", "building:not ok", speaker, Place(NETWORK, CHANNEL))
    assert await gordon.app.trust.take_back(asker, PullRef(REPO, number))


async def pushed(gordon: Gordon, number: int) -> None:
    gordon.world.github.push(REPO, number)


async def closed(gordon: Gordon, number: int) -> None:
    gordon.world.github.close(REPO, number)


async def retargeted(gordon: Gordon, number: int) -> None:
    gordon.world.github.edit(REPO, number, base="release")


async def dismissed(gordon: Gordon, number: int) -> None:
    gordon.app.live.now = Facts(gordon.app.live.now.settings, NOBODY)


@pytest.mark.parametrize(
    ("author", "act"),
    [
        pytest.param("tianon", pushed, id="A18 a push"),
        pytest.param("tianon", closed, id="closed"),
        pytest.param("tianon", retargeted, id="A20 another base"),
        pytest.param("tianon", dismissed, id="G14 a role is taken away"),
        pytest.param("stranger", taken_back, id="the word is taken back"),
        pytest.param("stranger", pushed, id="A21 a push of a stranger"),
    ],
)
async def test_what_is_not_sent_at_once_is_weighed_again(
    tmp_path: Path, author: str, act: Callable[[Gordon, int], Awaitable[None]]
) -> None:
    """G12: between the record and a late send."""
    async with building(tmp_path, again_after_s=0.5) as gordon:
        gordon.world.jenkins.faults.next("POST", TRIGGER, Reset())
        number, head = open_by(gordon, author)
        if author == "stranger":
            await settled(gordon)
            await gordon.chat.hear("tianon", f"ok moby#{number}")
        posts = gordon.world.jenkins.ledger
        await until(lambda: posts.asked("POST", TRIGGER))
        await act(gordon, number)
        await settled(gordon)
        assert built(gordon, number).count(head) == (act is retargeted), (
            "for its new base that of somebody here is built"
        )


class Gap:
    """Lets something happen before the n-th answer to Gordon, of GitHub or Jenkins, from now on.

    Arguments:
        at: which one; -1 for none, so that they are only listed.
    """

    def __init__(self, gordon: Gordon, at: int, act: Callable[[], None]) -> None:
        self.seen: list[str] = []
        self._at, self._act = at, act
        gordon.world.github.before_answer = lambda asked: self._count(f"{asked.method} github")
        gordon.world.jenkins.before_answer = lambda method, path: self._count(f"{method} {path}")

    def _count(self, what: str) -> None:
        self.seen.append(what)
        if len(self.seen) - 1 == self._at:
            self._act()


async def test_nothing_unseen_is_built_whatever_happens_between_two_requests(tmp_path: Path) -> None:
    """G12, A18: a push, and a role taken away, before each answer on the way from `ok` to the build."""
    async with building(tmp_path, poll_s=600.0) as gordon:
        people = gordon.app.live.now
        outcomes: Counter[str] = Counter()
        at, most = -1, 0  # the first time only to see which requests there are
        while at < most:
            for what in ("push", "dismissal"):
                number, head = open_by(gordon, "stranger")
                await settled(gordon)

                def act(what: str = what, number: int = number) -> None:
                    if what == "push":
                        gordon.world.github.push(REPO, number)
                    else:
                        gordon.app.live.now = Facts(people.settings, NOBODY)

                gap = Gap(gordon, at, act)
                answer = await gordon.say("tianon", f"ok moby#{number}")
                gordon.world.github.before_answer = gordon.world.jenkins.before_answer = None
                gordon.app.live.now = people
                await settled(gordon)
                most = max(most, len(gap.seen))
                assert set(built(gordon, number)) <= {head}, (what, gap.seen[: at + 1], answer)
                outcomes[f"{what} built" if built(gordon, number) else f"{what} not built"] += 1
            at += 1
        assert outcomes["push not built"] >= 1
        assert outcomes["push built"] >= 1
        assert most > 3, "there are requests to come between"


async def test_a_push_cancels_what_is_of_the_old_commit_and_says_for_what(tmp_path: Path) -> None:
    """Ours, running; and whoever asked for it is told, in a line, and nobody else."""
    async with building(tmp_path) as gordon:
        number, old = open_by(gordon, "tianon")
        await until(lambda: gordon.world.jenkins.ledger.builds)
        await gordon.say("icecrime", f"rebuild moby#{number} janky", expect="already")
        new = gordon.world.github.push(REPO, number)
        line = await gordon.chat.line("was cancelled: superseded by")
        assert f"superseded by {new[:7]}" in line
        hub = gordon.world.github
        words = f"cancelled: superseded by {new[:7]}"
        await until(lambda: words in [one.description for one in hub.statuses(REPO, old)])
        await until(lambda: built(gordon, number) == [old, new])
        assert len([text for text in gordon.lines if "superseded" in text]) == 1


async def test_what_nobody_asked_for_is_cancelled_without_a_word(tmp_path: Path) -> None:
    async with building(tmp_path) as gordon:
        number, old = open_by(gordon, "tianon")
        await until(lambda: gordon.world.jenkins.ledger.builds)
        new = gordon.world.github.push(REPO, number)
        hub = gordon.world.github
        await until(lambda: any("superseded" in (one.description or "") for one in hub.statuses(REPO, old)))
        await until(lambda: built(gordon, number) == [old, new])
        await settled(gordon)
        assert [text for text in gordon.lines if not text.endswith("pong")] == []


async def test_what_waits_in_the_queue_is_cancelled_whoever_put_it_there(tmp_path: Path) -> None:
    async with building(tmp_path, quiet_period_s=600.0) as gordon:
        number, _ = open_by(gordon, "stranger")
        await trigger_by_hand(gordon.world, number, "janky")
        seen = gordon.world.github.pull_record(REPO, number).head
        await known(gordon, seen)
        other, first = open_by(gordon, "tianon")
        await until(lambda: built(gordon, other) == [first])
        for each in (number, other):
            await known(gordon, gordon.world.github.push(REPO, each))
        ledger = gordon.world.jenkins.ledger
        taken_out = [each.queue_id for each in ledger.cancels]
        gone = {each.parameters["GIT_SHA1"] for each in ledger.triggers if each.queue_id in taken_out}
        assert gone == {seen, first}


async def test_what_jenkins_takes_after_a_push_is_cancelled_then(tmp_path: Path) -> None:
    """Its POST is under way when the push comes, so there is nothing to cancel yet."""
    async with building(tmp_path) as gordon:
        gordon.world.jenkins.faults.next("POST", TRIGGER, Late(0.3))
        number, old = open_by(gordon, "tianon")
        await until(lambda: gordon.world.jenkins.ledger.asked("POST", TRIGGER))
        new = gordon.world.github.push(REPO, number)
        await until(lambda: built(gordon, number) == [old, new])
        ledger = gordon.world.jenkins.ledger
        await until(lambda: ledger.cancels or ledger.stops)
        await settled(gordon)
        assert built(gordon, number) == [old, new]


async def test_no_more_is_under_way_than_may_be_for_one_author(tmp_path: Path) -> None:
    """A33: counted in the write that starts, though all come at once; those of others, and of people, go on."""
    async with building(tmp_path) as gordon:
        numbers = [open_by(gordon, "tianon")[0] for _ in range(30)]
        other, head = open_by(gordon, "icecrime")
        await settled(gordon)
        assert sum(len(built(gordon, number)) for number in numbers) == 5
        assert built(gordon, other) == [head]
        left = next(number for number in numbers if not built(gordon, number))
        assert "queued janky" in await gordon.say("tianon", f"rebuild moby#{left} janky", expect="moby#")


@pytest.mark.parametrize(
    ("act", "times"),
    [
        pytest.param(None, 2, id="nothing happens: it is tried again"),
        pytest.param(taken_back, 1, id="the word is taken back: it is not"),
    ],
)
async def test_a_retry_of_what_nobody_asked_for_needs_trust_still(
    tmp_path: Path, act: Callable[[Gordon, int], Awaitable[None]] | None, times: int
) -> None:
    async with building(tmp_path, Tries().of("janky", FLAKE), LATER) as gordon:
        number, head = open_by(gordon, "stranger")
        await settled(gordon)
        await gordon.say("tianon", f"ok moby#{number}", expect="is built")
        await planned(gordon)
        if act is not None:
            await act(gordon, number)
        await due(gordon)
        assert built(gordon, number) == [head] * times
