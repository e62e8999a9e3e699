"""What people do at the double of Slack is told as Slack tells it."""

from collections.abc import AsyncIterator

import pytest

from bot.demo.slack import moby
from bot.demo.slack.double import SlackDouble
from bot.demo.slack.workspace import User
from tests.slack_double_rig import Bolt, client_of

DEV = moby.DOCKER_DEV


@pytest.fixture
async def slack() -> AsyncIterator[SlackDouble]:
    async with SlackDouble() as double:
        yield double


async def test_what_other_people_are_is_seen_in_what_they_say(slack: SlackDouble) -> None:  # A5
    bolt, acts = Bolt(slack), slack.team().acts
    async with bolt.by("posts"):
        await acts.says(moby.STRANGER, "rebuild 7", moby.SHARED).acknowledged()
        await acts.bot_says(moby.OTHER_BOT, "rebuild 7", DEV).acknowledged()
        await acts.bot_says(moby.OTHER_BOT, "rebuild 7", DEV, is_old=False).acknowledged()
        await acts.workflow_says("rebuild 7", DEV).acknowledged()
        said = await acts.says(moby.TIANON, f"<@{moby.BOT}> rebuild 7", moby.BUILDS).acknowledged()
        bolt.heard.clear()
        await acts.forwards(moby.NEWCOMER, moby.BUILDS, said.ts, DEV).acknowledged()
    ledger = [delivery.payload for delivery in slack.team().deliveries.ledger]
    stranger, old, new, workflow = (payload["event"] for payload in ledger[:4])
    assert (stranger["user_team"], stranger["source_team"]) == (moby.STRANGERS_TEAM, moby.STRANGERS_TEAM)
    assert ledger[0]["is_ext_shared_channel"]
    assert (old["subtype"], old["bot_id"], "user" in old) == ("bot_message", "B0OTHERBT", False)
    assert (new["user"], new["bot_id"], "subtype" in new) == (moby.OTHER_BOT, "B0OTHERBT", False)
    assert (workflow["subtype"], workflow["bot_id"]) == ("bot_message", "B0WORKFLW")
    (forwarded,) = bolt.heard
    assert (forwarded["event"]["text"], forwarded["event"]["attachments"][0]["is_share"]) == ("", True)


async def test_edits_changes_of_people_and_channels_are_told(slack: SlackDouble) -> None:
    acts, ledger = slack.team().acts, slack.team().deliveries.ledger
    said = acts.says(moby.TIANON, "rebuild 7", DEV)
    acts.edits(DEV, said.ts, f"<@{moby.BOT}> rebuild 8")
    acts.reacts(moby.JESS, "eyes", DEV, said.ts)
    acts.takes_back(DEV, said.ts)
    acts.joins(moby.GUEST, moby.BUILDS)
    acts.leaves(moby.GUEST, moby.BUILDS)
    acts.renames(moby.BUILDS, "ci")
    acts.archives(moby.BUILDS, moby.ICECRIME)
    acts.changes(moby.TIANON, display_name="t")
    acts.comes_new(User("U0NEW0001", "fresh", moby.TEAM))
    acts.regroups(moby.MAINTAINERS_GROUP, [moby.TIANON])
    acts.says(moby.VIEUX, "in a place without the app", moby.QUIET)
    acts.revokes(is_uninstalled=True)
    told = [event["type"] for event in (delivery.payload["event"] for delivery in ledger)]
    assert told == [
        "message", "message", "app_mention", "reaction_added", "message", "member_joined_channel",
        "member_left_channel", "channel_rename", "channel_archive", "user_change", "team_join", "subteam_updated",
        "subteam_members_changed", "tokens_revoked", "app_uninstalled",
    ]  # fmt: skip


async def test_only_what_an_app_subscribes_to_is_told(slack: SlackDouble) -> None:
    slack.workspace().app.events = frozenset({"app_mention", "message.im"})
    acts = slack.team().acts
    assert [each.payload["event"]["type"] for each in acts.mentions(moby.TIANON, "x", DEV).deliveries] == [
        "app_mention"
    ]
    assert len(acts.says(moby.TIANON, f"<@{moby.BOT}> x", moby.TIANON).deliveries) == 1


async def test_an_app_hears_its_own_lines(slack: SlackDouble) -> None:
    await client_of(slack).chat_postMessage(channel=DEV, text=f"<@{moby.BOT}> x")
    (delivery,) = slack.team().deliveries.ledger
    assert delivery.payload["event"]["bot_id"] == moby.BOT_ID
