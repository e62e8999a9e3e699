"""A push to a branch is one message: eight cells of three jobs, edited as they end, or two lines where nothing can be.

The stand-in's jobs build what was pushed last; which cells fail is decided for each commit.
"""

import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.chat import Card, Tone
from bot.clock import Clock
from bot.demo.jenkins.cells import CombinationsParameter
from bot.demo.jenkins.checkouts import Checkout
from bot.demo.jenkins.model import Parameter, Plan, Starting, StringParameter
from bot.demo.world import REPO, World
from bot.testing import EditableChat, FakeChat, Gordon, running
from plugins.pushes import CLOSED_AFTER_S
from plugins.pushes.grid import load
from tests.moved_clock import MovedClock
from tests.world.crash_rig import AGAIN, Maintainer
from tests.world.failing import FLAKE, FLAKE_CAUSE
from tests.world.gordon_process import gordon_process
from tests.world.honesty import until

DRIVERS = ("aufs", "btrfs", "devicemapper", "overlay", "vfs", "zfs")
CELLS = tuple(f"master-drivers FS={driver}" for driver in DRIVERS)
JOBS = ("master-drivers", "master-lxc", "master-windows")
ROWS = (*CELLS, "master-lxc", "master-windows")
AUFS, ZFS = CELLS[0], CELLS[-1]
TEST = "=== RUN   TestVolumesMount\n--- FAIL: TestVolumesMount (0.03s)\n    volumes_test.go:118: file exists\nFAIL\n"
CONFIG = (
    "".join(f'[jobs.{job}]\njenkins = "ci"\njob = "{job}"\n\n' for job in JOBS)
    + """
[repos."moby/moby".pushes.master]
jobs = ["master-drivers", "master-lxc", "master-windows"]

[plugin.pushes]
look_s = 0.2

[plugin.retries]
delay_s = 0.2
jitter = 0.0
"""
)
NUMBERS = {"poll_s": 0.1, "idle_poll_s": 0.1, "gather_s": 0.05, "timeout_s": 2.0}
SLOW_S = 1.2
BAD = "failed in TestVolumesMount (#1)"  # at the first build of all, which has none before it to be compared with
REBUILD = "rebuild master-drivers#1 FS=aufs"


@dataclass
class Master:
    """The branch, and how the builds of its jobs go.

    Arguments:
        bad: by commit, the rows that fail.
        slow: rows that take their time.
        flaky: rows that fail for known trouble the next time that they are built.
    """

    world: World
    head: str = ""
    bad: dict[str, Sequence[str]] = field(default_factory=dict)
    slow: Sequence[str] = ()
    flaky: set[str] = field(default_factory=set)

    def set_up(self) -> None:
        """Make the jobs, and have Gordon's configuration name them."""
        items, mark = self.world.jenkins.items, StringParameter("GORDON_REQUEST_ID")
        parameters: list[Parameter] = [mark, CombinationsParameter("COMBINATIONS")]
        outcomes = {f"FS={driver}": self._of(f"master-drivers FS={driver}") for driver in DRIVERS}
        items.add_matrix("master-drivers", {"FS": DRIVERS}, parameters=parameters, outcomes=outcomes)
        for job in JOBS[1:]:
            self.world.jenkins.add_job(job, parameters=[mark])
        self.world.build_of(lambda starting: self.plan(starting.job) if starting.job in JOBS else None)
        self.world.config.write_text(self.world.config.read_text(encoding="utf-8") + CONFIG, encoding="utf-8")

    def _of(self, row: str) -> Callable[[Starting], Plan]:
        return lambda starting: self.plan(row)

    def plan(self, row: str) -> Plan:
        """Tell how a job or a cell goes that begins now."""
        log = TEST if row in self.bad[self.head] else FLAKE.log if row in self.flaky else ""
        self.flaky.discard(row)
        return Plan(
            "FAILURE" if log else "SUCCESS",
            SLOW_S if row in self.slow else 0.05,
            log=log or "ok\n",
            checkouts=(Checkout((f"https://github.com/{REPO}.git",), self.head),),
        )

    def push(self, *bad: str, by: str = "tianon", slow: Sequence[str] = ()) -> str:
        """Push a commit, have all jobs build it, and tell it as people are told."""
        before, self.slow = self.head, slow
        self.head = self.world.github.push_branch(REPO, "master", by=by)
        assert self.head != before
        self.bad[self.head] = bad
        for job in JOBS:
            self.world.jenkins.trigger(job)
        return self.head[:7]

    async def looked_at_first(self) -> None:
        """Wait until what is there is the past."""
        requests = self.world.jenkins.ledger.requests
        for job in JOBS:
            await until(lambda job=job: sum(f"{job}/api/json" in one.path for one in requests) > 1)  # type: ignore[misc]

    def built(self, number: int) -> list[str]:
        """List the cells that one build of the matrix has built itself."""
        find = self.world.jenkins.items.find_cell
        return [f"FS={one}" for one in DRIVERS if number in find("master-drivers", f"FS={one}").builds]


@asynccontextmanager
async def site(
    folder: Path, chat: FakeChat, *, clock: Clock | None = None, culprits: bool = False
) -> AsyncIterator[tuple[Gordon, Master]]:
    """Run a Gordon that is told of pushes, and whose jobs were looked at."""
    async with World(folder, clock=clock, with_hook=True, numbers=NUMBERS) as world:
        master = Master(world)
        master.set_up()
        text = world.config.read_text(encoding="utf-8")
        world.config.write_text(text.replace("look_s", f"culprits = {str(culprits).lower()}\nlook_s"), encoding="utf-8")
        async with running(folder, world=world, chat=chat) as gordon:
            await world.send_webhook_to(gordon.app)
            await master.looked_at_first()
            yield gordon, master


def grid(card: Card) -> dict[str, str]:
    """Read the rows of a card."""
    return {name: words for name, _, words in (line.partition(": ") for line in card.lines) if name in ROWS}


def is_over(sha: str) -> Callable[[Card], bool]:
    def wanted(card: Card) -> bool:
        is_open = re.search(r"running|waiting|queued|retrying", card.title)
        return sha in card.title and set(grid(card)) == set(ROWS) and not is_open

    return wanted


def versions(chat: EditableChat, sha: str) -> list[Card]:
    """List what the one message about a push has said."""
    found = [cards for cards in chat.versions.values() if isinstance(cards[0], Card) and sha in cards[0].title]
    assert len(found) == 1, f"{len(found)} messages about {sha}"
    return [card for card in found[0] if isinstance(card, Card)]


async def test_a_push_is_one_message_that_is_edited_until_all_is_over(tmp_path: Path) -> None:
    """Two of eight cells fail at one push and are fixed by the next."""
    chat = EditableChat()
    async with site(tmp_path, chat) as (_, master):
        green = master.push()
        card = await chat.card(is_over(green))
        assert card.title == f"moby master {green} by tianon: all 8 passed"
        assert (card.tone, card.buttons) == (Tone.GOOD, ())

        red = master.push(AUFS, ZFS, by="jess", slow=(CELLS[1], "master-windows"))
        card = await chat.card(is_over(red))
        assert card.title == f"moby master {red} by jess: 2 failed, 6 passed"
        bad = "new failure in TestVolumesMount (#2)"
        assert grid(card) == dict.fromkeys(ROWS, "passed") | {AUFS: bad, ZFS: bad}
        assert f"since {green}..{red} (1 push by jess)" in card.lines
        shown = versions(chat, red)
        assert set(grid(shown[0]).values()) | {"waiting"} == {"waiting"}
        assert any({"failed (#2)", "passed", "running (#2)"} <= set(grid(card).values()) for card in shown)

        fixed = master.push()
        card = await chat.card(is_over(fixed))
        assert grid(card) == dict.fromkeys(ROWS, "passed") | dict.fromkeys((AUFS, ZFS), "fixed (failed since #2)")
    assert len([words for words in chat.messages if isinstance(words, Card)]) == 3


async def test_each_cell_that_failed_is_built_again_by_its_button(tmp_path: Path) -> None:
    """Whoever presses is answered; the grid has the new end of that cell, and of no other."""
    chat = EditableChat()
    async with site(tmp_path, chat) as (gordon, master):
        sha = master.push(AUFS, ZFS)
        card = await chat.card(is_over(sha))
        assert [button.command for button in card.buttons] == [
            *(f"rebuild master-drivers#1 FS={one}" for one in ("aufs", "zfs")),
            "mute moby/moby 1h",
        ]
        master.bad[master.head] = (ZFS,)
        await gordon.say("tianon", card.buttons[0].command, expect="master-drivers#1 again: master-drivers .*queued")
        card = await chat.card(lambda card: is_over(sha)(card) and "1 failed, 7 passed" in card.title)
        assert grid(card)[AUFS].startswith("fixed")
        assert master.built(2) == ["FS=aufs"]
        assert "passed" in await chat.line(r"^(?!moby master).*master-drivers #2")
        assert len(versions(chat, sha)) > 2


async def test_a_cell_that_is_tried_again_shows_that_and_then_its_end(tmp_path: Path) -> None:
    """Only the cells that failed for known trouble; nothing is over before the last try is, and none is news."""
    chat = EditableChat()
    async with site(tmp_path, chat) as (_, master):
        master.flaky = {AUFS, ZFS}
        sha = master.push()
        card = await chat.card(is_over(sha))
        assert grid(card) == dict.fromkeys(ROWS, "passed")
        shown = [grid(card) for card in versions(chat, sha)]
        retrying = f"retrying ({FLAKE_CAUSE}, 2 of 3)"
        assert {AUFS: retrying, ZFS: retrying}.items() <= next(
            rows for rows in shown if retrying in rows.values()
        ).items()
        assert not any("failure" in words for rows in shown for words in rows.values())
        assert master.built(2) == ["FS=aufs", "FS=zfs"]


async def test_where_nothing_can_be_edited_there_are_two_lines(tmp_path: Path) -> None:
    """The first new failure, and the end; of a push that is green all the way only its end."""
    chat = FakeChat()
    async with site(tmp_path, chat) as (_, master):
        green = master.push()
        await chat.line("all 8 passed")
        red = master.push(AUFS, ZFS, by="jess", slow=("master-windows",))
        await chat.line(f"{red}.*6 passed|{red}.*2 of 8 failed(?!.*not over yet)")
        fixed = master.push()
        await chat.line(f"{fixed}.*all 8 passed")
        first, *told = [re.sub(r" http\S+|(?<=; )\d (?=not over yet)", "", text) for _, text in chat.said]
    bad = "new failure in TestVolumesMount (#2)"
    failed = f"2 of 8 failed: {AUFS} {bad}; {ZFS} {bad}; since {green}..{red} (1 push by jess)"
    again = "to build one again: rebuild master-drivers#2 FS=aufs"
    assert first == f"moby master {green} by tianon: all 8 passed"
    assert told == [
        f"moby master {red} by jess: {failed}; not over yet; {again}",
        f"moby master {red} by jess: {failed}; {again}",
        f"moby master {fixed} by tianon: all 8 passed; fixed: {AUFS}, {ZFS}",
    ]


@pytest.mark.parametrize("culprits", [False, True], ids=["named", "addressed"])
async def test_who_has_pushed_is_addressed_only_where_that_is_configured(tmp_path: Path, culprits: bool) -> None:
    chat = FakeChat()
    async with site(tmp_path, chat, culprits=culprits) as (_, master):
        master.push()
        await chat.line("all 8 passed")
        red = master.push("master-lxc", by="jess")
        await chat.line(f"{red}.*1 of 8 failed(?!.*not over yet)")
    addressed = [(place.to, text) for place, text in chat.said if place.to]
    told = f"moby master {red} by jess has a new failure since you pushed: master-lxc"
    assert addressed == ([("jess", told)] if culprits else [])


async def test_a_push_without_news_for_a_day_is_given_up(tmp_path: Path) -> None:
    """What was never built is told as that, in the same message, and nothing of it is kept."""
    chat, clock = EditableChat(), MovedClock()
    async with site(tmp_path, chat, clock=clock) as (gordon, master):
        sha = master.world.github.push_branch(REPO, "master", by="jess")[:7]
        await chat.card(lambda card: sha in card.title and "3 waiting" in card.title)
        clock.move(CLOSED_AFTER_S + 60.0)
        card = await chat.card(lambda card: sha in card.title and "3 not built" in card.title)
        assert set(grid(card).values()) == {"not built"}
        assert len(versions(chat, sha)) == 2
        query = "SELECT value FROM plugin_state WHERE plugin = 'pushes'"
        ((kept,),) = await gordon.app.database.read(lambda db: db.execute(query).fetchall())
        assert load(json.loads(kept)).pushes == ()


async def test_a_push_while_builds_run_has_a_message_of_its_own(tmp_path: Path) -> None:
    """What runs ends in the older one, and what was built of both says so there."""
    chat = EditableChat()
    async with site(tmp_path, chat) as (_, master):
        older = master.push(slow=("master-windows",))
        await chat.card(lambda card: older in card.title and grid(card).get("master-windows") == "running (#1)")
        newer = master.push("master-lxc")
        assert grid(await chat.card(is_over(newer)))["master-lxc"].startswith("new failure")
        card = await chat.card(is_over(older))
        assert grid(card)["master-windows"] == "passed"
        assert grid(card)["master-lxc"] == "passed"


async def test_a_restart_in_the_middle_ends_in_the_same_message(tmp_path: Path) -> None:
    """F28."""
    chat = EditableChat()
    async with World(tmp_path, numbers=NUMBERS) as world:
        master = Master(world)
        master.set_up()
        async with running(tmp_path, world=world, chat=chat):
            await master.looked_at_first()
            sha = master.push(AUFS, slow=("master-windows",))
            await chat.card(lambda card: sha in card.title and "failed" in card.title)
        back = EditableChat()
        back.versions, back.said = chat.versions, chat.said
        async with running(tmp_path, world=world, chat=back):
            card = await back.card(is_over(sha))
        assert card.title == f"moby master {sha}: 1 failed, 7 passed"
        assert len(versions(back, sha)) > 2


@pytest.mark.parametrize(
    "point", ["", "journal.finish.before:5", "chat.send.after:1"], ids=["killed", "at-an-end", "said"]
)
async def test_a_kill_in_the_middle_ends_in_the_same_grid(tmp_path: Path, point: str) -> None:
    """F28: each line is heard, and twice only with a mark."""
    async with World(tmp_path, with_irc=True, numbers=NUMBERS) as world:
        master, jess = Master(world), Maintainer("jess")
        master.set_up()
        await jess.join(world.irc_port)
        async with gordon_process(world, **({"GORDON_CRASH_AT": point} if point else {})) as process:
            await jess.sees_gordon_join(0)
            await master.looked_at_first()
            sha = master.push(AUFS, ZFS, slow=("master-windows",))
            if point:
                await process.ended()
            else:
                await jess.hears("not over yet")
        async with gordon_process(world):
            await jess.hears(f"{sha}: 2 of 8 failed: (?!.*not over yet)")
        await jess.leave()
    heard = [re.sub(r" http\S+|(?<=; )\d (?=not over yet)", "", line) for line in jess.heard]
    unmarked = [line for line in heard if not line.startswith(AGAIN)]
    assert len(unmarked) == len(set(unmarked))
    end = f"moby master {sha}: 2 of 8 failed: {AUFS} {BAD}; {ZFS} {BAD}; to build one again: {REBUILD}"
    assert {line.removeprefix(AGAIN) for line in heard} - {end.replace("; to", "; not over yet; to")} == {end}
