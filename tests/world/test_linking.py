"""Joining accounts as people do it: in private on one network, on the other one, and by both sides' word."""

import re
from functools import partial
from pathlib import Path

import pytest

from bot.demo.slack import moby
from bot.demo.world import REPO, World
from bot.testing import Gordon, running
from tests.world.honesty import until
from tests.world.slack_rig import OnSlack
from tests.world.test_comments import answers, commented, signs
from tests.world.test_slack_clicks import buttons

CODE = re.compile(r"link ([a-z2-7]{26})\b")


async def private(gordon: Gordon, nick: str, text: str, *, expect: str = ".") -> str:
    """Say something to Gordon alone, and return what is said next."""
    before = len(gordon.chat.said)
    await gordon.chat.hear(nick, text, channel="")
    return await gordon.chat.line(expect, after=before)


async def code(gordon: Gordon, nick: str) -> str:
    found = CODE.search(await private(gordon, nick, "link"))
    assert found
    return found[1]


async def comments(gordon: Gordon, login: str, text: str, *, expect: str) -> str:
    """Write a comment on a pull request, and return what answers it."""
    written = gordon.world.github.comment(REPO, 1, f"@gordon {text}", by=login)
    await until(lambda: re.search(expect, answers(gordon.world, 1).get(written, "")))
    return answers(gordon.world, 1)[written]


async def test_an_account_on_irc_and_one_on_github_are_joined_by_both_and_taken_apart(tmp_path: Path) -> None:
    """Whoever is in no file is the author of their pull requests; it counts at once, on the record, after a reload."""
    async with commented(tmp_path) as gordon:
        given = await code(gordon, "sam")
        met = await comments(gordon, "fresh", f"link {given}", expect="this joins fresh on GitHub")
        key = re.search(r"fresh@\d+", met)
        assert key
        fresh = f"fresh on GitHub (number {key[0].removeprefix('fresh@')})"
        assert f"{fresh} and sam on test, both as `{key[0]}`" in met
        assert await gordon.chat.line("this joins") == (
            f"this joins {fresh} and sam on test, both as {key[0]}; only if both accounts are yours, say within 120 s: "
            "link yes (else link no); the other one has to, too"
        )
        assert given not in str(await gordon.app.audit.newest(50))
        await private(gordon, "sam", "link yes", expect="has to agree within 120 s")
        await comments(gordon, "fresh", "link yes", expect=f"are both `{key[0]}` from now on")
        joined = await gordon.chat.line("^joined: ")
        assert f"are both {key[0]} from now on; links lists it, unlink undoes it" in joined
        with (tmp_path / "people.toml").open("a", encoding="utf-8") as file:
            file.write("\n[people.dave]\n")
        assert "new person dave, without a role" in await gordon.confirmed("icecrime", "reload", expect="^reloaded")
        known = await private(gordon, "sam", "whoami")
        assert known.startswith(
            f"you are {key[0]}, proven by test; anyone everywhere; known as sam on test (linked to "
        )
        assert known.endswith(", today)")
        told = await private(gordon, "sam", "links")
        assert told == f"{key[0]} has linked {known.partition('known as ')[2]}"
        assert known.partition("known as ")[2] in await gordon.say("tianon", f"can {key[0]} ping")
        assert "no longer linked: sam on test" in await private(gordon, "sam", "unlink test")
        assert "people.toml has nobody with this account" in await private(gordon, "sam", "whoami")


def confused(world: World, comment: int) -> bool:
    return signs(world, comment) == ["confused"]


async def test_what_strangers_write_on_github_is_no_way_in(tmp_path: Path) -> None:
    """A15: a code that is none, and a yes that nobody has asked for, get a sign and no words; a bot not even that."""
    async with commented(tmp_path) as gordon:
        taken = await code(gordon, "sam")
        world = gordon.world
        bots = world.github.comment(REPO, 1, f"@gordon link {taken}", by="helpful[bot]")
        for text in (f"@gordon link {'a' * 26}", "@gordon link yes", "@gordon link"):
            written = world.github.comment(REPO, 1, text, by="mallory")
            await until(partial(confused, world, written))
        assert (answers(world, 1), signs(world, bots)) == ({}, [])


async def test_who_gives_somebody_elses_code_is_seen_before_anything_is_joined(tmp_path: Path) -> None:
    """A4: of a code that was read in public the asker is shown who gave it, and nothing is joined unless they agree."""
    async with commented(tmp_path) as gordon:
        taken = await code(gordon, "sam")
        await comments(gordon, "mallory", f"link {taken}", expect="this joins mallory")
        assert "this joins mallory on GitHub" in await gordon.chat.line("this joins mallory")
        await comments(gordon, "mallory", "link yes", expect="has to agree")
        assert "is not joined with mallory" in await private(gordon, "sam", "link no", expect="not joined")
        late = gordon.world.github.comment(REPO, 1, "@gordon link yes", by="mallory")
        await until(lambda: confused(gordon.world, late))
        assert gordon.app.live.now.people.links == ()


async def test_an_operator_takes_apart_what_is_linked_to_others_and_nobody_else_does(tmp_path: Path) -> None:
    async with World(tmp_path) as world, running(tmp_path, world=world) as gordon:
        assert "is none" in await gordon.say("tianon", "unlink moby jess")
        assert "jess has linked no account on moby" in await gordon.say("icecrime", "unlink moby jess")
        assert "nobody with your account" in await gordon.say("nobody", "unlink moby")


@pytest.mark.parametrize("text", ["link", "link yes", f"link {'a' * 26}"])
async def test_in_a_channel_people_are_told_to_ask_in_private(tmp_path: Path, text: str) -> None:
    async with World(tmp_path) as world, running(tmp_path, world=world) as gordon:
        assert "ask me in private" in await gordon.say("tianon", text)
        assert await gordon.say("tianon", text, proven=False) != ""


async def joined_on_slack(gordon: Gordon) -> None:
    """Join an account of nobody's on IRC to the one on Slack that the file knows."""
    slack = OnSlack(gordon.world, gordon.app)
    await slack.until(slack.chat.connected)
    given = await code(gordon, "tia")
    slack.acts.mentions(moby.TIANON, f"link {given}", moby.DOCKER_DEV)
    await slack.said("others have read that code")
    given = await code(gordon, "tia")
    slack.acts.says(moby.TIANON, f"link {given}", moby.TIANON)
    await slack.said("both as tianon", moby.TIANON)
    await private(gordon, "tia", "link yes", expect="has to agree")
    [asked] = [each for each in slack.messages(moby.TIANON) if "both as tianon" in each["text"]]
    await slack.acts.presses(moby.TIANON, buttons(asked)["Both are mine"], moby.TIANON, asked["ts"]).acknowledged()
    await slack.said("are both tianon from now on", moby.TIANON)
    assert f"you are tianon, proven by test; maintainer in {REPO}" in await private(gordon, "tia", "whoami")
    told = await gordon.say("tia", "can tianon ping")
    assert f"known as {moby.TIANON} on moby, tia on test (linked to {moby.TIANON} on moby" in told
    slack.acts.says(moby.ICECRIME, "audit 9", moby.ICECRIME)
    assert f"tia on test (test) with {moby.TIANON} on moby" in await slack.said("newest first", moby.ICECRIME)


async def test_an_account_on_irc_and_one_on_slack_are_joined_as_the_file_knows_them(tmp_path: Path) -> None:
    """Whoever the file knows on one of them is that on both, with their roles, and is so after a restart."""
    async with World(tmp_path, with_slack="socket") as world:
        async with running(tmp_path, world=world) as gordon:
            await joined_on_slack(gordon)
        async with running(tmp_path, world=world) as gordon:
            assert "you are tianon, proven by test" in await private(gordon, "tia", "whoami")


async def test_a_guest_joins_nothing(tmp_path: Path) -> None:
    """A15: nor does a bot, or somebody of another workspace: only whom Slack vouches for has anything to join."""
    async with World(tmp_path, with_slack="socket") as world, running(tmp_path, world=world) as gordon:
        slack = OnSlack(world, gordon.app)
        await slack.until(slack.chat.connected)
        given = await code(gordon, "tia")
        slack.acts.says(moby.GUEST, f"link {given}", moby.GUEST)
        await slack.said("guest", moby.GUEST)
        slack.acts.says(moby.TIANON, f"link {given}", moby.TIANON)
        await slack.said("both as tianon", moby.TIANON)
