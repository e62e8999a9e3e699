"""Channels of Slack by their names in the configuration: found, entered, followed when they change, told if missing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.adapters.slack_places import Known, read_channel
from bot.demo.slack import moby
from bot.demo.slack.workspace import Channel
from bot.errors import Refused, Unavailable
from bot.settings import SlackSettings
from bot.values import Place
from tests.slack_said_rig import Said, saying

LISTED = "conversations.list"


@pytest.fixture
async def said() -> AsyncIterator[Said]:
    async with saying() as parts:
        yield parts


async def test_a_channel_is_found_by_its_name_or_its_id(said: Said) -> None:
    assert await said.places.id_of(said.place("#builds")) == moby.BUILDS
    assert await said.places.id_of(said.place(moby.SHARED)) == moby.SHARED
    assert said.places.place_of(moby.BUILDS) == "#builds"
    assert said.places.place_of(moby.SHARED) is None
    assert said.places.name_of(moby.SHARED) == "#docker-and-friends"
    assert said.places.name_of("C0NOWHERE") == "C0NOWHERE"
    assert said.places.is_member(moby.BUILDS)
    assert not said.places.is_member(moby.QUIET)


@pytest.mark.parametrize("name", ["tianon", moby.JESS, f"T0ELSEWHR/{moby.JESS}"])
async def test_whoever_has_proven_an_account_is_told_there_whatever_they_call_themselves(name: str, said: Said) -> None:
    """A4: a name that is the id of somebody else sends them nothing."""
    direct = await said.places.id_of(Place("moby", name, private=True, account=moby.TIANON))
    assert direct == said.slack.team().acts.place(moby.TIANON).id


async def test_where_else_commands_are_obeyed_is_told_without_what_is_private(said: Said) -> None:
    """Guests, and people of other workspaces, may ask."""
    said.slack.team().workspace.channels[moby.SECRETS].members.append(moby.BOT)
    said.configure(channels=("#builds", moby.DOCKER_DEV, "#secrets", moby.SECRETS, "#nowhere"))
    await said.places.refresh()
    assert said.places.place_of(moby.SECRETS) == "#secrets"
    assert said.places.elsewhere() == "I obey in #builds, #docker-dev, a direct message, and not here"


async def test_a_channel_of_the_configuration_may_be_an_id(said: Said) -> None:
    said.configure(channels=(moby.SHARED,))
    await said.places.refresh()
    assert said.places.place_of(moby.SHARED) == moby.SHARED
    assert said.told.now == {}


async def test_a_name_that_nobody_has_is_looked_for_once_in_a_while(said: Said) -> None:
    for _ in range(3):
        with pytest.raises(Refused, match="#nowhere: there is no such channel"):
            await said.places.id_of(said.place("#nowhere"))
    assert len(said.slack.calls_of(LISTED)) == 1
    said.slack.workspace().add_channel(Channel("C0NEW0001", "nowhere"), [moby.BOT])
    said.clock.now_s += 30
    assert await said.places.id_of(said.place("#nowhere")) == "C0NEW0001"


async def test_many_who_look_at_once_read_the_list_once(said: Said) -> None:
    found = await asyncio.gather(*(said.places.id_of(said.place("#builds")) for _ in range(5)))
    assert set(found) == {moby.BUILDS}
    assert len(said.slack.calls_of(LISTED)) == 1


async def test_a_direct_message_is_opened_once(said: Said) -> None:
    for channel in (moby.TIANON, f"{moby.TEAM}/{moby.TIANON}"):
        place = Place("moby", channel, to=channel, private=True, account=channel)
        assert (await said.places.id_of(place)).startswith("D")
    assert len(said.slack.calls_of("conversations.open")) == 1
    with pytest.raises(Refused, match="their account is gone"):
        await said.places.id_of(Place("moby", moby.GONE, private=True))


async def test_a_public_channel_is_entered(said: Said) -> None:
    said.configure(channels=("#quiet",))
    await said.places.refresh()
    assert moby.BOT in said.slack.workspace().channels[moby.QUIET].members
    assert said.places.is_member(moby.QUIET)
    assert said.told.lines == []


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        (
            "#nowhere",
            "there is no such channel, or it is private and Gordon is not in it; say /invite @gordon there",
        ),
        (
            "#secrets",
            "there is no such channel, or it is private and Gordon is not in it; say /invite @gordon there",
        ),
        ("#old", "it is archived"),
        ("#quiet", "Gordon is not in it, and hears nothing there; say /invite @gordon there"),
    ],
)
async def test_what_is_in_the_way_is_told_once_with_its_remedy(said: Said, channel: str, words: str) -> None:
    app = said.slack.workspace().app
    app.scopes -= {"channels:join"}
    said.configure(channels=(channel,))
    for _ in range(2):
        await said.places.refresh()
    told = [line for line in said.told.lines if line[0].startswith("being")]
    assert told == [(f"being in {channel}", words)]


async def test_what_was_in_the_way_is_taken_back(said: Said) -> None:
    said.configure(channels=("#secrets",))
    await said.places.refresh()
    assert list(said.told.now) == ["being in #secrets"]
    said.places.own_id = moby.BOT
    said.slack.team().acts.joins(moby.BOT, moby.SECRETS)
    await said.places.refresh()
    assert said.told.now == {}
    assert said.places.place_of(moby.SECRETS) == "#secrets"


async def test_a_channel_that_is_configured_no_more_is_no_trouble(said: Said) -> None:
    said.configure(channels=("#old",))
    await said.places.refresh()
    said.configure(channels=())
    assert said.told.now == {}
    assert said.places.place_of(moby.OLD) is None


async def test_without_the_scope_for_private_channels_public_ones_are_listed(said: Said) -> None:
    said.slack.faults.refuse(LISTED, "missing_scope", needed="groups:read")
    await said.places.refresh()
    assert said.slack.calls_of(LISTED)[1].arguments["types"] == "public_channel"
    assert said.places.place_of(moby.BUILDS) == "#builds"


async def test_a_channel_under_another_name_stays_where_it_was_and_is_told(said: Said) -> None:
    await said.places.refresh()
    said.slack.team().acts.renames(moby.BUILDS, "ci")
    await said.places.refresh()
    assert said.places.place_of(moby.BUILDS) == "#builds"
    assert await said.places.id_of(said.place("#builds")) == moby.BUILDS
    assert said.told.now == {
        "being in #builds": f"it is called #ci now; write that in the configuration, or its id, {moby.BUILDS}"
    }


async def test_a_channel_that_takes_the_name_takes_the_place(said: Said) -> None:
    await said.places.refresh()
    said.slack.team().acts.renames(moby.BUILDS, "ci")
    said.slack.workspace().add_channel(Channel("C0NEW0001", "builds"), [moby.BOT])
    await said.places.refresh()
    assert said.places.place_of("C0NEW0001") == "#builds"
    assert said.places.place_of(moby.BUILDS) is None
    assert said.told.now == {}


async def test_of_two_with_one_name_the_one_that_is_not_archived_counts(said: Said) -> None:
    said.slack.workspace().add_channel(Channel("C0NEW0001", "old"), [moby.BOT])
    said.configure(channels=("#old",))
    await said.places.refresh()
    assert said.places.place_of("C0NEW0001") == "#old"


async def test_one_channel_that_cannot_be_entered_now_keeps_nobody_from_the_others(said: Said) -> None:
    said.slack.faults.break_down(method="conversations.join")
    said.configure(channels=("#quiet", "#old"))
    with pytest.raises(Unavailable):
        await said.places.refresh()
    assert list(said.told.now) == ["being in #old"]
    assert await said.places.id_of(said.place("#old")) == moby.OLD


@pytest.mark.parametrize(
    ("event", "is_read"),
    [
        ({"type": "channel_rename", "channel": {"id": moby.BUILDS, "name": "ci"}}, True),
        ({"type": "group_rename", "channel": {"id": moby.BUILDS, "name": "ci"}}, True),
        ({"type": "channel_rename", "channel": {"id": moby.QUIET, "name": "builds"}}, True),
        ({"type": "channel_rename", "channel": {"id": moby.QUIET, "name": "quieter"}}, False),
        ({"type": "channel_archive", "channel": moby.BUILDS, "user": moby.TIANON}, True),
        ({"type": "channel_unarchive", "channel": moby.BUILDS, "user": moby.TIANON}, True),
        ({"type": "channel_archive", "channel": moby.QUIET, "user": moby.TIANON}, False),
        ({"type": "channel_deleted", "channel": moby.BUILDS}, True),
        ({"type": "channel_created", "channel": {"id": "C1", "name": "builds"}}, True),
        ({"type": "channel_created", "channel": {"id": "C1", "name": "party"}}, False),
        ({"type": "channel_left", "channel": moby.BUILDS}, True),
        ({"type": "channel_id_changed", "old_channel_id": moby.BUILDS, "new_channel_id": "C1"}, True),
        ({"type": "member_joined_channel", "channel": "C0NEW0001", "user": moby.BOT}, True),
        ({"type": "member_left_channel", "channel": moby.BUILDS, "user": moby.BOT}, True),
        ({"type": "member_joined_channel", "channel": moby.BUILDS, "user": moby.TIANON}, False),
        ({"type": "message", "channel": moby.BUILDS}, False),
        ({"type": "channel_rename", "channel": None}, False),
        ({"type": "channel_history_changed", "channel": moby.BUILDS}, False),
        ({}, False),
    ],
)
async def test_the_list_is_read_again_after_an_event_that_concerns_us(
    said: Said, event: dict[str, object], is_read: bool
) -> None:
    said.places.own_id = moby.BOT
    await said.places.refresh()
    said.clock.sleep = lambda delay_s: asyncio.sleep(3600)  # type: ignore[method-assign]
    running = asyncio.create_task(said.places.run())
    try:
        await said.slack.called(LISTED, 2)
        await asyncio.sleep(0.01)
        said.places.heard_of(event)
        if is_read:
            await said.slack.called(LISTED, 3)
        await asyncio.sleep(0.03)
        assert len(said.slack.calls_of(LISTED)) == (3 if is_read else 2)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_an_event_tells_counts_before_the_list_is_read(said: Said) -> None:
    said.places.own_id = moby.BOT
    await said.places.refresh()
    said.places.heard_of({"type": "member_left_channel", "channel": moby.BUILDS, "user": moby.BOT})
    assert not said.places.is_member(moby.BUILDS)
    said.places.heard_of({"type": "member_joined_channel", "channel": moby.QUIET, "user": moby.BOT})
    assert said.places.is_member(moby.QUIET)


async def paused(said: Said, times: int) -> list[tuple[float, dict[str, str], bool]]:
    """Run until so many pauses were made; tell how long each was, and how it stood then."""
    pauses: list[tuple[float, dict[str, str], bool]] = []
    enough = asyncio.Event()

    async def sleep(delay_s: float) -> None:
        pauses.append((delay_s, said.told.now, said.api.is_refused_token))
        said.clock.now_s += delay_s
        if len(pauses) == times:
            enough.set()
            await asyncio.Event().wait()

    said.clock.sleep = sleep  # type: ignore[method-assign]
    running = asyncio.create_task(said.places.run())
    async with asyncio.timeout(30):
        await enough.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return pauses


async def test_the_list_is_read_every_ten_minutes_and_sooner_after_a_failure(said: Said) -> None:
    said.slack.faults.break_down(method=LISTED)
    assert [pause_s for pause_s, _, _ in await paused(said, 3)] == [30, 600, 600]


@pytest.mark.parametrize("error", ["missing_scope", "access_denied"])
async def test_a_list_that_is_refused_is_told_until_it_is_not(said: Said, error: str) -> None:
    said.slack.faults.refuse(LISTED, error, times=2 if error == "missing_scope" else 1)
    (_, first, _), (_, second, _) = await paused(said, 2)
    assert first["its channels"].startswith("cannot be listed: ")
    assert second == {}


async def test_that_nothing_is_heard_as_long_as_no_channel_is_known_is_told_after_a_minute(said: Said) -> None:
    """What is delivered is not acknowledged before, so somebody has to know."""
    said.slack.faults.refuse(LISTED, "internal_error", times=4)
    pauses = await paused(said, 5)
    silent = "cannot be read, and without them nothing is heard: "
    told = [now.get("its channels", "") for _, now, _ in pauses]
    assert [words.startswith(silent) for words in told] == [False, False, True, True, False]
    assert not told[4]


async def test_a_list_that_was_read_once_may_wait_for_the_next_time(said: Said) -> None:
    await said.places.refresh()
    said.slack.faults.refuse(LISTED, "internal_error", times=4)
    assert [told for _, told, _ in await paused(said, 4)] == [{}] * 4
    assert said.places.are_known


async def test_a_token_that_does_not_count_is_looked_at_again_until_it_does(said: Said) -> None:  # F11
    said.slack.faults.refuse(LISTED, "token_revoked", times=2)
    pauses = await paused(said, 3)
    assert [(pause_s, is_refused) for pause_s, _, is_refused in pauses] == [(30, True), (30, True), (600, False)]
    assert list(pauses[1][1]) == ["its token"]
    assert pauses[2][1] == {}


def test_what_is_no_channel_is_none() -> None:
    bodies: tuple[object, ...] = (None, 7, "C1", [], {}, {"id": 7}, {"name": "x"})
    for body in bodies:
        assert read_channel(body) is None
    assert read_channel({"id": "C1", "is_member": "yes"}) == Known("C1", "", False, False, False)


async def test_settings_come_before_anything_is_known(said: Said) -> None:
    said.places.configure(SlackSettings(channels=("#builds", moby.SHARED)))
    assert said.places.place_of(moby.BUILDS) is None
    assert said.places.place_of(moby.SHARED) == moby.SHARED
