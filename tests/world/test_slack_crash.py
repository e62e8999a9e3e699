"""F28, G2 with Slack as the chat: Gordon is killed at named points, and what it has not acknowledged comes again.

What was acknowledged is done once, and so is what was on disk and not acknowledged; every answer is said, "(again)"
where it may have been said before; a card is in its last state, and there is one for its slot.
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.demo.slack.act import Act
from bot.demo.slack.workspace import Json, View
from bot.demo.world import PLUGINS
from tests.world.crash_rig import AGAIN, CrashRig, crash_rig
from tests.world.slack_person import WITHIN_S, SlackPerson
from tests.world.slack_rig import TRANSPORTS, Transport
from tests.world.test_crash_points import OWN, builds_of, repeats_are_marked

REBUILD = "rebuild moby#1 janky"
QUEUED, PASSED = r"moby#1 at \w{7}: queued janky", r"moby#1 at \w{7}: janky #1 passed"
by_each = pytest.mark.parametrize("transport", TRANSPORTS)


@asynccontextmanager
async def on_slack(folder: Path, transport: Transport = "socket") -> AsyncIterator[tuple[CrashRig, SlackPerson]]:
    """Make a world with a maintainer in a channel of Slack; Gordon is not started yet."""
    async with crash_rig(folder, slack=transport, plugins=(*PLUGINS, "counting"), plugin_folder=OWN) as rig:
        [tianon] = rig.people
        assert isinstance(tianon, SlackPerson)
        yield rig, tianon


async def counted(rig: CrashRig, tianon: SlackPerson, crash_at: str = "") -> Json:
    """Start Gordon, have a card made, and give it."""
    await rig.start(crash_at)
    tianon.type("count moby#1")
    await tianon.hears("^tianon: moby#1 is number 1")
    card: Json = (await tianon.sees(lambda: tianon.cards("stands at 1"), "a card"))[0]
    await rig.quiet()
    return card


def one_card(tianon: SlackPerson, number: int) -> None:
    """See that the slot has one message, and that it is in its last state."""
    [card] = tianon.cards("moby#1 stands at")
    assert f"moby#1 stands at {number}" in card["text"]
    assert f"moby#1 stands at {number}" in json.dumps(card["blocks"])


async def taken(act: Act) -> None:
    """See that all of what Slack had to tell is acknowledged in the end."""
    assert (await act.acknowledged(WITHIN_S)).failure == ""


@pytest.mark.parametrize(
    ("transport", "point"),
    [
        ("socket", "journal.accept.before"),
        ("socket", "journal.accept.after"),
        ("socket", "chat.send.before"),
        ("socket", "chat.send.after"),
        ("http", "journal.accept.before"),
        ("http", "journal.accept.after"),
    ],
)
async def test_a_command_that_was_typed_is_done_once_and_answered(
    transport: Transport, point: str, tmp_path: Path
) -> None:
    """F10: what was not acknowledged comes again, whether it is on disk or not."""
    async with on_slack(tmp_path, transport) as (rig, tianon):
        await rig.start(point)
        act = tianon.type(REBUILD)
        await rig.died()
        await rig.start()
        await tianon.hears(QUEUED)
        await tianon.hears(PASSED)
        await rig.quiet()
        await rig.stop()
        builds_of("docker-prs")(rig)
        repeats_are_marked(rig)
        await taken(act)
        # On a busy machine a neighbour may be too slow for the patience of this rig, which is told.
        answers = [line for line in rig.lines() if not re.search(f"{PASSED}|does not answer", line)]
        assert len(answers) == (2 if point == "chat.send.after" else 1)
        assert (AGAIN in answers[-1]) == point.startswith("chat.send")


async def test_what_comes_while_gordon_starts_is_obeyed(tmp_path: Path) -> None:
    """A command that comes before it is known which channel is which is not refused for that."""
    async with on_slack(tmp_path, "http") as (rig, tianon):
        tianon.slack.faults.slow(0.7, method="conversations.list")
        act = tianon.type(REBUILD)
        await rig.start()
        await tianon.hears(f"^tianon: {QUEUED}")
        await taken(act)


@by_each
async def test_a_press_that_is_on_disk_and_not_acknowledged_is_done_once(transport: Transport, tmp_path: Path) -> None:
    """Slack says that it failed, so they press again; the button then makes room for their name."""
    async with on_slack(tmp_path, transport) as (rig, tianon):
        card = await counted(rig, tianon, "journal.accept.after:2")
        failed = tianon.press("Build", card)
        await rig.died()
        await failed.acknowledged()
        assert failed.failure
        await rig.start()
        await tianon.insist(lambda: tianon.press("Build", card))
        await tianon.sees(lambda: "pressed by" in json.dumps(card["blocks"]), "who has pressed")
        await tianon.hears(PASSED)
        await rig.quiet()
        await rig.stop()
        builds_of("docker-prs")(rig)
        one_card(tianon, 1)


async def test_a_press_whose_button_is_still_there_after_a_death_is_done_once(tmp_path: Path) -> None:
    async with on_slack(tmp_path) as (rig, tianon):
        card = await counted(rig, tianon)
        tianon.slack.faults.slow(30.0, method="chat.update")
        pressed = await tianon.press("Build", card).acknowledged()
        assert not pressed.failure
        await tianon.sees(lambda: tianon.slack.calls_of("chat.update"), "that the button is to go")
        await rig.kill()
        await rig.start()
        assert "pressed by" not in json.dumps(card["blocks"])
        await tianon.insist(lambda: tianon.press("Build", card))
        await tianon.sees(lambda: "pressed by" in json.dumps(card["blocks"]), "who has pressed")
        await rig.quiet()
        builds_of("docker-prs")(rig)


@pytest.mark.parametrize("point", ["chat.send.before:2", "chat.send.after:1"])
async def test_a_card_that_is_edited_ends_in_its_last_state(point: str, tmp_path: Path) -> None:
    async with on_slack(tmp_path) as (rig, tianon):
        await counted(rig, tianon)
        await rig.stop()
        await rig.start(point)
        tianon.type("count moby#1")
        await rig.died()
        await rig.start()
        await tianon.hears("^tianon: .*moby#1 is number 2")
        await rig.quiet()
        one_card(tianon, 2)


@pytest.mark.parametrize("is_done", [True, False], ids=["done", "not done"])
async def test_a_death_while_a_card_is_edited_leaves_its_last_state(is_done: bool, tmp_path: Path) -> None:
    """Nobody knows whether the edit was made; it is made again."""
    async with on_slack(tmp_path) as (rig, tianon):
        await counted(rig, tianon)
        tianon.slack.faults.slow(0.2 if is_done else 30.0, method="chat.update")
        tianon.type("count moby#1")
        await tianon.sees(lambda: tianon.slack.calls_of("chat.update"), "an edit")
        await rig.kill()
        if is_done:
            await tianon.sees(lambda: tianon.cards("moby#1 stands at 2"), "the edit")
        await rig.start()
        await tianon.sees(lambda: tianon.cards("moby#1 stands at 2"), "the edit")
        await rig.quiet()
        one_card(tianon, 2)


async def test_a_card_whose_post_was_lost_is_made_once_more_and_says_so(tmp_path: Path) -> None:
    """The message that nobody knows of stays as it is; the one that is known is edited from then on."""
    async with on_slack(tmp_path) as (rig, tianon):
        await rig.start("chat.send.after:2")
        tianon.type("count moby#1")
        await rig.died()
        await rig.start()
        await rig.quiet()
        tianon.type("count moby#1")
        await tianon.hears("^tianon: .*moby#1 is number 2")
        await rig.quiet()
        cards = [card["text"] for card in tianon.cards("moby#1 stands at")]
        assert len(cards) <= 2
        assert "moby#1 stands at 2" in cards[-1]
        repeats_are_marked(rig)


@pytest.mark.parametrize("point", ["journal.accept.before", "journal.accept.after"])
async def test_a_form_that_was_submitted_starts_one_build(point: str, tmp_path: Path) -> None:
    """Slack says that it failed and leaves the form open, so they submit it again."""
    async with on_slack(tmp_path) as (rig, tianon):
        await rig.start(point)
        view = await opened(tianon)
        failed = tianon.team.acts.submits(tianon.id, view.id, {})
        await rig.died()
        await failed.acknowledged()
        assert failed.failure
        assert not view.is_closed
        await rig.start()
        await tianon.insist(lambda: tianon.team.acts.submits(tianon.id, view.id, {}))
        await tianon.hears("base-image #1 passed")
        await rig.quiet()
        await rig.stop()
        assert view.is_closed
        builds_of("infra/base-image")(rig)


async def opened(tianon: SlackPerson) -> View:
    """Ask for the form of a build, and give it once it can be filled in."""
    await tianon.insist(lambda: tianon.team.acts.slash(tianon.id, "build base-image", tianon.channel))

    def is_there() -> View | None:
        views = tianon.team.workspace.views.values()
        return next((one for one in views if any(block["type"] == "input" for block in one.view["blocks"])), None)

    view: View = await tianon.sees(is_there, "a form")
    return view
