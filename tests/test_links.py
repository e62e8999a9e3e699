"""Joining accounts step by step: by a code and two yeses, and by nothing less."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from bot.audit import Audit
from bot.database import Database
from bot.errors import NotAllowed, UserError
from bot.events import CommandGiven
from bot.linked import Linking, Step
from bot.links import AGREE_WITHIN_S, AT_ONCE, CODE_WITHIN_S, NO_CODE, NOTHING, Links
from bot.live import Facts, Live
from bot.people import People
from bot.settings import CoreSettings, GordonSettings, SlackSettings
from bot.values import Person, Place, Role, Speaker
from tests.moved_clock import MovedClock, still

SAM = Speaker("oftc", "sam", "Sam", "account-tag")
SAM_SLACK = Speaker("moby", "Sam", "U024BE7LH", "signed by Slack")
SAM_GITHUB = Speaker("github", "sam-dev", "77", "github")
EVE = Speaker("oftc", "eve", "eve", "account-tag")
EVE_SLACK = Speaker("moby", "Eve", "U0EVE0000", "signed by Slack")
MADE = "sam-dev@77"
PEOPLE = People({"sam": Person("sam", {"*": Role.MAINTAINER})}, {("oftc", "sam"): "sam"})


@dataclass
class Rig:
    """Links on a disk, and a clock that only the test moves."""

    database: Database
    live: Live
    links: Links
    audit: Audit
    clock: MovedClock
    numbers: "count[int]" = field(default_factory=count)

    def event(self, who: Speaker, given: str = "", *, key: str = "", private: bool = True) -> CommandGiven:
        place = Place(who.network, who.name if private else "#c", to=who.name, private=private)
        at = self.clock.now()
        text = f"link {given}".strip()
        return CommandGiven(
            key=key or f"k{next(self.numbers)}", lane="l", at=at, command="link", text=text, speaker=who, place=place
        )

    async def step(self, who: Speaker, given: str = "", *, key: str = "", private: bool | None = None) -> Linking:
        is_private = who.network != "github" if private is None else private
        return await self.links.step(self.event(who, given, key=key, private=is_private), given)

    async def code(self, who: Speaker) -> str:
        return (await self.step(who)).token

    async def join(self, one: Speaker, other: Speaker) -> Linking:
        await self.step(other, await self.code(one))
        await self.step(other, "yes")
        return await self.step(one, "yes")

    def who(self, speaker: Speaker) -> str:
        person = self.live.now.people.find(speaker)
        return person.key if person else ""


def live_of(people: People) -> Live:
    slack = {"moby": SlackSettings(bots=("U0BOT0000",))}
    return Live(Facts(GordonSettings(gordon=CoreSettings(home="moby/moby"), slack=slack), people))


@asynccontextmanager
async def linking(folder: Path, people: People = PEOPLE) -> AsyncIterator[Rig]:
    database, live, clock = Database(folder / "gordon.db"), live_of(people), still()
    audit = Audit(database, clock, "host", lambda: live.now.policy)
    links = Links(database, live, audit, clock)
    try:
        await links.load()
        yield Rig(database, live, links, audit, clock)
    finally:
        await asyncio.to_thread(database.close)


async def test_both_sides_see_what_is_joined_and_it_counts_once_both_have_agreed(tmp_path: Path) -> None:
    async with linking(tmp_path) as rig:
        asked = await rig.step(SAM)
        assert re.fullmatch(r"[a-z2-7]{26}", asked.token)
        met = await rig.step(SAM_SLACK, asked.token)
        assert (met.step, met.person, met.there and met.there.account) == (Step.MET, "sam", "sam")
        assert met.place == Place("oftc", "sam", to="sam", private=True)
        agreed = await rig.step(SAM_SLACK, "yes")
        assert (agreed.step, rig.who(SAM_SLACK)) == (Step.AGREED, "")
        joined = await rig.step(SAM, "yes")
        assert (joined.step, joined.place) == (Step.JOINED, Place("moby", "Sam", to="Sam", private=True))
        assert rig.who(SAM_SLACK) == "sam"
        [record] = [one for one in await rig.audit.newest(9) if one["decision"] == "linked"]
        assert record["args"] == (
            'U024BE7LH on moby, who goes by "Sam" (signed by Slack) with sam on oftc (account-tag)'
        )
        assert (record["person"], record["effect"]) == ("sam", "link")


async def test_what_is_joined_outlives_the_process(tmp_path: Path) -> None:
    async with linking(tmp_path) as rig:
        await rig.join(SAM_SLACK, SAM)
    async with linking(tmp_path) as rig:
        assert rig.who(SAM_SLACK) == "sam"
        [link] = rig.live.now.people.links_of("sam")
        assert (link.who, link.to, link.at) == (
            SAM_SLACK,
            Speaker("oftc", "sam", "sam", "account-tag"),
            rig.clock.now(),
        )


async def test_whom_only_github_knows_is_the_author_of_their_pull_requests_and_no_more(tmp_path: Path) -> None:
    async with linking(tmp_path) as rig:
        met = await rig.step(SAM_GITHUB, await rig.code(EVE_SLACK))
        assert met.person == MADE
        await rig.step(EVE_SLACK, "yes")
        await rig.step(SAM_GITHUB, "yes")
        assert rig.live.now.people.find(EVE_SLACK) == Person(MADE, {}, 77)


@pytest.mark.parametrize("first", ["asker", "other"])
async def test_one_yes_is_not_enough_however_often_it_is_said(tmp_path: Path, first: str) -> None:
    """A15: neither whoever was talked into giving a stranger's code is joined, nor whoever let theirs be read."""
    async with linking(tmp_path) as rig:
        await rig.step(EVE_SLACK, await rig.code(SAM))
        who = SAM if first == "asker" else EVE_SLACK
        for _ in range(3):
            assert (await rig.step(who, "yes")).step is Step.AGREED
        assert rig.who(EVE_SLACK) == ""


async def test_a_no_ends_it_and_the_other_side_hears_of_it(tmp_path: Path) -> None:
    async with linking(tmp_path) as rig:
        await rig.step(EVE_SLACK, await rig.code(SAM))
        await rig.step(EVE_SLACK, "yes")
        dropped = await rig.step(SAM, "no")
        assert (dropped.step, dropped.place and dropped.place.network) == (Step.DROPPED, "moby")
        for who in (SAM, EVE_SLACK):
            with pytest.raises(NotAllowed, match=re.escape(NOTHING)):
                await rig.step(who, "yes")
        assert rig.who(EVE_SLACK) == ""


async def test_a_yes_of_somebody_else_is_nothing(tmp_path: Path) -> None:
    async with linking(tmp_path) as rig:
        await rig.step(SAM_SLACK, await rig.code(SAM))
        await rig.step(SAM_SLACK, "yes")
        with pytest.raises(NotAllowed, match=re.escape(NOTHING)):
            await rig.step(EVE, "yes")
        assert rig.who(SAM_SLACK) == ""


async def test_a_code_is_good_once_and_its_own_command_may_come_again(tmp_path: Path) -> None:
    async with linking(tmp_path) as rig:
        code = await rig.code(SAM)
        first = await rig.step(SAM_SLACK, code, key="same")
        assert await rig.step(SAM_SLACK, code, key="same") == first
        with pytest.raises(NotAllowed, match=re.escape(NO_CODE)):
            await rig.step(EVE_SLACK, code)


async def test_a_yes_whose_handler_runs_again_is_told_the_same(tmp_path: Path) -> None:
    async with linking(tmp_path) as rig:
        await rig.step(SAM_SLACK, await rig.code(SAM))
        await rig.step(SAM_SLACK, "yes")
        await rig.step(SAM, "yes", key="same")
        again = await rig.step(SAM, "yes", key="same")
        assert (again.step, again.person, again.there) == (Step.JOINED, "sam", SAM_SLACK)


@pytest.mark.parametrize(
    ("given", "wait_s"),
    [
        pytest.param("a" * 26, 0.0, id="guessed"),
        pytest.param("", CODE_WITHIN_S + 1, id="too-late"),
    ],
)
async def test_a_wrong_code_and_one_that_is_over_are_told_alike(tmp_path: Path, given: str, wait_s: float) -> None:
    async with linking(tmp_path) as rig:
        code = await rig.code(SAM)
        rig.clock.move(wait_s)
        with pytest.raises(NotAllowed, match=re.escape(NO_CODE)):
            await rig.step(SAM_SLACK, given or code)


async def test_each_has_two_minutes_to_agree(tmp_path: Path) -> None:
    async with linking(tmp_path) as rig:
        await rig.step(SAM_SLACK, await rig.code(SAM))
        rig.clock.move(AGREE_WITHIN_S - 1)
        await rig.step(SAM_SLACK, "yes")
        rig.clock.move(AGREE_WITHIN_S + 1)
        with pytest.raises(NotAllowed, match=re.escape(NOTHING)):
            await rig.step(SAM, "yes")


async def test_a_newer_code_takes_the_place_of_the_older(tmp_path: Path) -> None:
    async with linking(tmp_path) as rig:
        old = await rig.code(SAM)
        await rig.code(SAM)
        with pytest.raises(NotAllowed, match=re.escape(NO_CODE)):
            await rig.step(SAM_SLACK, old)


async def test_so_many_may_wait_at_once(tmp_path: Path) -> None:
    async with linking(tmp_path) as rig:
        first = await rig.code(SAM)
        second = await rig.code(EVE)
        for number in range(AT_ONCE - 1):
            await rig.code(Speaker("oftc", "n", f"n{number}", "WHOIS"))
        assert (await rig.step(SAM_GITHUB, second)).step is Step.MET
        with pytest.raises(NotAllowed, match=re.escape(NO_CODE)):
            await rig.step(SAM_SLACK, first)


async def test_a_code_that_was_said_where_others_read_it_is_good_no_more(tmp_path: Path) -> None:
    async with linking(tmp_path) as rig:
        code = await rig.code(SAM)
        with pytest.raises(NotAllowed, match="others have read that code"):
            await rig.step(SAM_SLACK, code, private=False)
        with pytest.raises(NotAllowed, match=re.escape(NO_CODE)):
            await rig.step(SAM_SLACK, code)


@pytest.mark.parametrize("given", ["", "yes", "a" * 26])
async def test_in_a_channel_nothing_is_joined(tmp_path: Path, given: str) -> None:
    async with linking(tmp_path) as rig:
        with pytest.raises(NotAllowed, match="ask me in private"):
            await rig.step(SAM, given, private=False)


async def test_no_code_is_written_where_everybody_reads(tmp_path: Path) -> None:
    async with linking(tmp_path) as rig:
        with pytest.raises(UserError, match="everybody could read a code that I write here"):
            await rig.step(SAM_GITHUB)


@pytest.mark.parametrize(
    ("who", "said"),
    [
        pytest.param(Speaker("oftc", "sam"), "nothing proves who you are", id="a-nick-alone"),
        pytest.param(
            Speaker("moby", "Guest", "U0GUEST00", "signed by Slack", "you are a guest."),
            "cannot be joined: you are a guest",
            id="a-guest",
        ),
        pytest.param(
            Speaker("moby", "Other", "T0OTHER00/U0OTHER00", "signed by Slack"),
            "accounts of other workspaces",
            id="of-another-workspace",
        ),
        pytest.param(Speaker("moby", "bot", "U0BOT0000", "signed by Slack"), "this is a bot's", id="a-bot"),
        pytest.param(Speaker("console", "sam", "sam", "console"), "there is no account to join", id="at-the-console"),
    ],
)
async def test_who_may_not_join_anything(tmp_path: Path, who: Speaker, said: str) -> None:
    """A15: guests, strangers, bots, and whom nothing proves."""
    async with linking(tmp_path) as rig:
        code = await rig.code(EVE)
        for given in ("", code):
            with pytest.raises(UserError, match=said):
                await rig.step(who, given)


TWO = People(
    {"sam": Person("sam"), "eve": Person("eve", {}, 77)},
    {("oftc", "sam"): "sam"},
    members={("moby", "U0EVE0000"): "eve"},
)


@pytest.mark.parametrize(
    ("people", "one", "other", "said"),
    [
        pytest.param(TWO, SAM, EVE_SLACK, "sam on oftc is sam and U0EVE0000 on moby", id="two-people-of-the-file"),
        pytest.param(TWO, EVE_SLACK, SAM_GITHUB, "are both eve already", id="one-person-anyway"),
        pytest.param(TWO, EVE_SLACK, EVE, "", id="one-who-is-known-and-one-who-is-not"),
        pytest.param(TWO, SAM_SLACK, EVE, "people.toml has neither account", id="two-whom-nobody-knows"),
        pytest.param(TWO, SAM, EVE, "give it on another network", id="one-network"),
        pytest.param(
            People({"sam": Person("sam", {}, 5)}, {("oftc", "sam"): "sam"}),
            SAM,
            SAM_GITHUB,
            "sam has another account on github, 5",
            id="who-has-another-one-there",
        ),
    ],
)
async def test_which_accounts_can_be_joined(
    tmp_path: Path, people: People, one: Speaker, other: Speaker, said: str
) -> None:
    async with linking(tmp_path, people) as rig:
        code = await rig.code(one)
        if not said:
            assert (await rig.step(other, code)).step is Step.MET
            return
        with pytest.raises(UserError, match=re.escape(said)):
            await rig.step(other, code)


async def test_who_both_would_be_must_be_what_both_were_shown(tmp_path: Path) -> None:
    async with linking(tmp_path) as rig:
        await rig.step(SAM_SLACK, await rig.code(SAM))
        await rig.step(SAM_SLACK, "yes")
        boss = People({"boss": Person("boss", {"*": Role.OPERATOR})}, {("oftc", "sam"): "boss"})
        rig.live.now = Facts(rig.live.now.settings, boss)
        with pytest.raises(UserError, match="by now you both would be boss"):
            await rig.step(SAM, "yes")
        assert rig.who(SAM_SLACK) == ""


async def test_what_is_taken_apart_takes_what_hangs_on_it_along(tmp_path: Path) -> None:
    async with linking(tmp_path) as rig:
        await rig.join(SAM_SLACK, SAM)
        await rig.join(SAM_SLACK, SAM_GITHUB)
        assert rig.who(SAM_GITHUB) == "sam"
        gone = await rig.links.undo(rig.event(SAM), "moby", "sam")
        assert [link.who.network for link in gone] == ["moby", "github"]
        assert (rig.who(SAM_SLACK), rig.who(SAM_GITHUB)) == ("", "")
        [record] = [one for one in await rig.audit.newest(9) if one["decision"] == "unlinked"]
        assert record["person"] == "sam"
    async with linking(tmp_path) as rig:
        assert rig.live.now.people.links == ()


async def test_who_is_known_by_github_alone_is_nobody_once_that_is_taken_apart(tmp_path: Path) -> None:
    async with linking(tmp_path) as rig:
        await rig.join(EVE_SLACK, SAM_GITHUB)
        await rig.links.undo(rig.event(EVE_SLACK), "github", MADE)
        assert (rig.who(EVE_SLACK), rig.who(SAM_GITHUB)) == ("", "")


async def test_what_the_file_says_is_not_taken_apart(tmp_path: Path) -> None:
    async with linking(tmp_path) as rig:
        await rig.join(SAM_SLACK, SAM)
        with pytest.raises(UserError, match="sam has linked no account on oftc"):
            await rig.links.undo(rig.event(SAM), "oftc", "sam")


async def test_an_operator_finds_what_counts_no_more_by_the_name_of_then(tmp_path: Path) -> None:
    async with linking(tmp_path) as rig:
        await rig.join(SAM_SLACK, SAM)
        rig.live.now = Facts(rig.live.now.settings, People({}, {}).linked(rig.live.now.people.links))
        assert len(await rig.links.undo(rig.event(EVE), "moby", "sam")) == 1


@pytest.mark.parametrize(
    ("who", "text", "is_expected"),
    [
        pytest.param(SAM_GITHUB, "link {code}", True, id="a-code-that-waits"),
        pytest.param(SAM_GITHUB, "LINK {code}", True, id="in-capitals"),
        pytest.param(SAM_GITHUB, "link {code} please", False, id="more-words"),
        pytest.param(SAM_GITHUB, "link " + "a" * 26, False, id="a-code-that-is-none"),
        pytest.param(SAM_GITHUB, "link", False, id="without-one"),
        pytest.param(SAM_GITHUB, "link yes", False, id="a-yes-to-nothing"),
        pytest.param(SAM_GITHUB, "rebuild {code}", False, id="another-command"),
    ],
)
async def test_of_strangers_only_what_goes_on_is_expected(
    tmp_path: Path, who: Speaker, text: str, is_expected: bool
) -> None:
    async with linking(tmp_path) as rig:
        code = await rig.code(SAM)
        assert rig.links.expects(who, text.format(code=code)) is is_expected
        if is_expected:
            await rig.step(who, code)
            assert rig.links.expects(who, "link yes")
            assert not rig.links.expects(who, f"link {code}")
