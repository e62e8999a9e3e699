"""Buttons: the presser counts, what is pressed is done once, and a card never goes back to an old state."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from bot.adapters.slack_pressing import BEFORE_YOU, NOT_OURS
from bot.chat import Button, Card, Heard, MessageRef
from bot.confirm import REFUSAL, WITHIN_S
from bot.demo.slack import moby
from bot.demo.world import World
from bot.errors import StorageError
from bot.settings import SlackSettings
from bot.testing import NETWORK
from bot.values import Place
from tests.moved_clock import MovedClock
from tests.slack_clicks_rig import CHANNEL, Clicks, clicking

FAILED = Card(
    "moby#1 at 3f2c1ab: janky failed",
    buttons=(Button("Rebuild failed", "rebuild moby#1 janky"), Button("Show log", "status moby#1")),
)
PRESSED = ": pressed by"


async def test_a_press_is_done_in_the_thread_of_its_card_which_names_who_pressed(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        ref = await clicks.posted(FAILED)
        await clicks.presses(moby.TIANON, "Rebuild failed", ref)
        await clicks.gordon.chat.line("queued janky")
        place = clicks.gordon.chat.said[-1][0]
        assert (place.channel, place.thread, place.to) == (CHANNEL, ref.id.partition(":")[2], moby.TIANON)
        await clicks.until(lambda: PRESSED in clicks.shown(ref))
        assert f"<@{moby.TIANON}>" in clicks.shown(ref)
        assert list(clicks.buttons(*ref.id.split(":"))) == ["Show log"]
        assert clicks.whispers == []


async def test_who_may_not_is_told_so_alone_and_the_card_stays(tmp_path: Path) -> None:
    """A6: the role of the presser counts, whoever had the card made."""
    async with clicking(tmp_path) as clicks:
        ref = await clicks.posted(Card("base-image", buttons=(Button("Build", "build base-image"),)))
        before = clicks.shown(ref)
        await clicks.presses(moby.NEWCOMER, "Build", ref)
        await clicks.until(lambda: clicks.whispers)
        [(user, words)] = clicks.whispers
        assert user == moby.NEWCOMER
        assert "needs the role maintainer" in words
        assert (clicks.shown(ref), clicks.gordon.lines) == (before, [])


async def test_what_is_refused_when_it_has_its_turn_is_left_to_others(tmp_path: Path) -> None:
    """A6: to start builds of a pull request is for its author and for triagers, which only its server tells."""
    async with clicking(tmp_path) as clicks:
        ref = await clicks.posted(FAILED)
        before = clicks.shown(ref)
        act = clicks.press(moby.NEWCOMER, "Rebuild failed", *ref.id.split(":"))
        await clicks.clicks(act)
        await clicks.gordon.chat.line("newcomer is neither")
        await clicks.clicks(act)
        await asyncio.sleep(0.1)
        assert (clicks.shown(ref), len(clicks.gordon.lines)) == (before, 1)
        await clicks.presses(moby.TIANON, "Rebuild failed", ref)
        await clicks.until(lambda: PRESSED in clicks.shown(ref))
        assert f"<@{moby.TIANON}>" in clicks.shown(ref)
        assert (len(clicks.gordon.world.request_ids()), clicks.whispers) == (1, [])


@pytest.mark.parametrize("way", ["again-and-again", "all-at-once", "by-two-people"])
async def test_what_is_pressed_more_than_once_is_done_once(way: str, tmp_path: Path) -> None:
    """A10: a repeat, a double click, and somebody else who is as quick."""
    async with clicking(tmp_path) as clicks:
        ref = await clicks.posted(FAILED)
        channel, _, ts = ref.id.partition(":")
        second = moby.CROSBYMICHAEL if way == "by-two-people" else moby.TIANON
        acts = [clicks.press(user, "Rebuild failed", channel, ts) for user in (moby.TIANON, second)]
        if way == "again-and-again":
            await clicks.clicks(acts[0], times=3)
        else:
            await asyncio.gather(*(clicks.clicks(act) for act in acts))
        await clicks.gordon.chat.line("queued janky")
        await clicks.until(lambda: PRESSED in clicks.shown(ref))
        if way == "by-two-people":
            await clicks.until(lambda: clicks.whispers)
        assert clicks.whispers == ([(second, BEFORE_YOU)] if way == "by-two-people" else [])
        assert len(clicks.gordon.lines) == 1
        assert len(clicks.gordon.world.request_ids()) == 1


async def test_two_buttons_pressed_one_after_the_other_both_make_room(tmp_path: Path) -> None:
    """The second press tells the card as it was before the first one."""
    card = replace(FAILED, buttons=(*FAILED.buttons, Button("Mute", "mute moby#1 here 1h")))
    async with clicking(tmp_path) as clicks:
        ref = await clicks.posted(card)
        acts = [clicks.press(moby.TIANON, label, *ref.id.split(":")) for label in ("Rebuild failed", "Mute")]
        for act in acts:
            await clicks.clicks(act)
        await clicks.until(lambda: clicks.shown(ref).count(PRESSED) == 2)
        assert list(clicks.buttons(*ref.id.split(":"))) == ["Show log"]


async def test_what_only_reads_may_be_pressed_again_by_everybody(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        ref = await clicks.posted(FAILED)
        before = clicks.shown(ref)
        for number, user in enumerate((moby.TIANON, moby.TIANON, moby.NEWCOMER), 1):
            await clicks.presses(user, "Show log", ref, times=3)
            await clicks.until(lambda: len(clicks.gordon.lines) == number)  # noqa: B023
        await asyncio.sleep(0.1)
        assert len(clicks.gordon.lines) == 3
        assert clicks.shown(ref) == before


async def test_what_is_about_whoever_presses_alone_stays_for_the_others_and_is_answered_alone(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        ref = await clicks.posted(Card("moby#1 failed", buttons=(Button("Mute", "mute moby#1 1h", is_own=True),)))
        before = clicks.shown(ref)
        for number, user in enumerate((moby.TIANON, moby.JESS, moby.TIANON), 1):
            await clicks.presses(user, "Mute", ref, times=3)
            await clicks.until(lambda: len(clicks.gordon.lines) == number)  # noqa: B023
            place, words = clicks.gordon.chat.said[-1]
            assert (place.private, place.channel, place.thread) == (True, user, "")
            assert "you hear nothing of moby#1 for 1h" in str(words)
        assert (clicks.shown(ref), clicks.whispers) == (before, [])


BUILDING = Card("moby#1 at 77aa001: building", buttons=(Button("Cancel", "cancel moby#1"),))


async def test_a_press_on_an_old_state_leaves_the_newer_one(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        ref = await clicks.posted(FAILED)
        act = clicks.press(moby.TIANON, "Rebuild failed", *ref.id.split(":"))
        await clicks.output.edit(ref, BUILDING)
        await clicks.clicks(act)
        await clicks.gordon.chat.line("queued janky")
        await asyncio.sleep(0.2)
        assert "77aa001: building" in clicks.shown(ref)
        assert list(clicks.buttons(*ref.id.split(":"))) == ["Cancel"]


async def test_an_edit_that_waits_for_its_turn_is_not_undone_by_a_press(tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        ref = await clicks.posted(FAILED)
        editing = asyncio.create_task(clicks.output.edit(ref, BUILDING))
        await asyncio.sleep(0)
        await clicks.presses(moby.TIANON, "Rebuild failed", ref)
        await editing
        await clicks.gordon.chat.line("queued janky")
        await asyncio.sleep(0.2)
        assert "77aa001: building" in clicks.shown(ref)
        assert list(clicks.buttons(*ref.id.split(":"))) == ["Cancel"]


FORGED = [
    pytest.param("{", id="no-json"),
    pytest.param("[]", id="another-shape"),
    pytest.param(json.dumps({"command": "build base-image", "digest": "x"}), id="no-digest"),
    pytest.param(json.dumps({"command": "build\nx", "digest": "0" * 16}), id="two-lines"),
    pytest.param(json.dumps({"command": "", "digest": "0" * 16}), id="no-command"),
    pytest.param(json.dumps({"command": "build " + "x" * 3000, "digest": "0" * 16}), id="too-long"),
    pytest.param("", id="nothing"),
    pytest.param("\ud800", id="half-a-character"),
]


@pytest.mark.parametrize("value", FORGED)
async def test_a_value_that_is_not_ours_is_refused(value: str, tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        ref = await clicks.posted(FAILED)
        payload: dict[str, Any] = clicks.press(moby.TIANON, "Rebuild failed", *ref.id.split(":")).deliveries[0].payload
        payload["actions"][0]["value"] = value
        await clicks.interactions.clicked(payload)
        await clicks.until(lambda: clicks.whispers)
        assert clicks.whispers == [(moby.TIANON, NOT_OURS)]
        assert clicks.gordon.world.request_ids() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"message": {"app_id": "A0OTHER01"}}, NOT_OURS, id="in-the-message-of-another-app"),
        pytest.param(
            {"channel": {"id": moby.BUILDS}}, "I obey in #docker-dev, a direct message", id="not-obeyed-there"
        ),
    ],
)
async def test_a_press_is_refused(change: dict[str, dict[str, str]], words: str, tmp_path: Path) -> None:
    async with clicking(tmp_path) as clicks:
        ref = await clicks.posted(FAILED)
        payload = clicks.press(moby.TIANON, "Rebuild failed", *ref.id.split(":")).deliveries[0].payload
        for part, values in change.items():
            payload[part] = {**payload[part], **values}
        await clicks.interactions.clicked(payload)
        await clicks.until(lambda: clicks.whispers)
        assert words in clicks.whispers[0][1]
        assert clicks.gordon.world.request_ids() == []


async def test_an_unknown_command_is_answered_to_the_presser(tmp_path: Path) -> None:
    """A card that is older than the command it offers."""
    async with clicking(tmp_path) as clicks:
        ref = await clicks.posted(Card("old", buttons=(Button("Do", "unheard of"),)))
        await clicks.presses(moby.TIANON, "Do", ref)
        await clicks.until(lambda: clicks.whispers)
        assert 'no command "unheard' in clicks.whispers[0][1]


async def test_a_press_that_no_disk_takes_is_not_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> None:
        raise StorageError("the disk is full")

    async with clicking(tmp_path) as clicks:
        ref = await clicks.posted(FAILED)
        act = clicks.press(moby.TIANON, "Rebuild failed", *ref.id.split(":"))
        with monkeypatch.context() as patch:
            patch.setattr(clicks.gordon.app.journal, "accept", full)
            with pytest.raises(StorageError):
                await clicks.clicks(act)
        assert PRESSED not in clicks.shown(ref)
        await clicks.clicks(act)
        await clicks.gordon.chat.line("queued janky")


# -- confirmations --


async def asked_to_confirm(clicks: Clicks) -> MessageRef:
    """Have tianon asked to confirm a build, on a card at Slack."""
    speaker = await clicks.who("", moby.TIANON, "")
    place = Place(NETWORK, CHANNEL, to=moby.TIANON, thread="1.1")
    assert await clicks.inside.take(Heard("asked", "build base-image PLATFORM=el7", speaker, place)) is None
    await clicks.until(lambda: clicks.card("this would"))
    card = clicks.card("this would")
    assert card is not None
    return await clicks.posted(card, place)


async def test_a_confirmation_is_a_button_for_whoever_asked(tmp_path: Path) -> None:
    """A6, A32: nobody else's press counts, and once is enough."""
    async with clicking(tmp_path) as clicks:
        ref = await asked_to_confirm(clicks)
        before = clicks.shown(ref)
        await clicks.presses(moby.CROSBYMICHAEL, "Confirm", ref)
        await clicks.until(lambda: clicks.whispers)
        assert [(user, words[: len(REFUSAL)]) for user, words in clicks.whispers] == [(moby.CROSBYMICHAEL, REFUSAL)]
        assert clicks.shown(ref) == before
        act = clicks.press(moby.TIANON, "Confirm", *ref.id.split(":"))
        await clicks.clicks(act, times=3)
        await clicks.gordon.chat.line("base-image: queued")
        await clicks.until(lambda: PRESSED in clicks.shown(ref))
        assert len(clicks.gordon.world.request_ids()) == 1
        assert len(clicks.whispers) == 1


async def test_nobody_reads_a_token(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A32: it is in the button and nowhere else."""
    with caplog.at_level("DEBUG"):
        async with clicking(tmp_path) as clicks:
            ref = await asked_to_confirm(clicks)
            message = clicks.message(*ref.id.split(":"))
            [button] = [one for block in message["blocks"] if block["type"] == "actions" for one in block["elements"]]
            token = json.loads(button["value"])["command"].split()[1]
            assert button.get("style") == "danger"
            assert json.dumps(message).count(token) == 1
            await clicks.presses(moby.CROSBYMICHAEL, "Confirm", ref)
            await clicks.presses(moby.TIANON, "Confirm", ref)
            await clicks.gordon.chat.line("base-image: queued")
    assert token not in caplog.text


@pytest.mark.parametrize("how", ["guessed", "in-another-channel", "too-late", "used"])
async def test_a_confirmation_does_not_count(how: str, tmp_path: Path) -> None:
    """A32."""
    async with World(tmp_path) as world:
        clock = MovedClock()
        world.clock = clock
        async with clicking(tmp_path, world) as clicks:
            clicks.settings = obeying(clicks, CHANNEL, "#builds")
            await clicks.places.refresh()
            ref = await asked_to_confirm(clicks)
            act = clicks.press(moby.TIANON, "Confirm", *ref.id.split(":"))
            payload = act.deliveries[0].payload
            if how == "guessed":
                pressed = json.loads(payload["actions"][0]["value"])
                payload["actions"][0]["value"] = json.dumps(pressed | {"command": "confirm " + "a" * 26})
            elif how == "in-another-channel":
                payload["channel"] = {"id": moby.BUILDS, "name": "builds"}
            elif how == "too-late":
                clock.ahead_s += WITHIN_S + 1
            else:
                said = payload["actions"][0]["value"]
                await clicks.clicks(act)
                await clicks.gordon.chat.line("base-image: queued")
                # the same button on a card of another state
                payload["message"]["ts"] = "1700000000.000001"
                payload["actions"][0]["value"] = said
            builds = len(clicks.gordon.world.request_ids())
            await clicks.interactions.clicked(payload)
            await clicks.until(lambda: clicks.whispers)
            assert clicks.whispers[0][1].startswith(REFUSAL)
            assert len(clicks.gordon.world.request_ids()) == builds


def obeying(clicks: Clicks, *channels: str) -> SlackSettings:
    """Have the workspace configured with these channels."""
    settings = structs.replace(clicks.settings, channels=channels)
    clicks.places.configure(settings)
    return settings
