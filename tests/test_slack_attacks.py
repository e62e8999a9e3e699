"""Who is believed on Slack: members as Slack signs them, and nothing that anybody chose, forwarded or programmed."""

import asyncio
from collections.abc import Callable

import pytest

from bot.adapters.slack_members import CANNOT_CHECK, GONE, KEPT_S, PROGRAM
from bot.demo.slack import moby
from bot.demo.slack.act import Act
from bot.demo.slack.moby import DOCKER_DEV, GUEST, IMPOSTOR, OTHER_BOT, SHARED, SINGLE_GUEST, STRANGER, TIANON
from bot.demo.slack.workspace import User
from tests.moved_clock import MovedClock
from tests.slack_hearing_rig import Ear, ear

FOREIGN = f"{moby.STRANGERS_TEAM}/{STRANGER}"
SAYS = f"<@{moby.BOT}> rebuild moby#1"


async def test_a_name_proves_nothing() -> None:  # A4
    """Both are called tianon; what counts is whose account it is."""
    async with ear() as slack:
        for who in (TIANON, IMPOSTOR):
            await slack.acts.mentions(who, "rebuild moby#1", DOCKER_DEV).acknowledged()
        names, accounts = ([getattr(heard.speaker, key) for heard in slack.heard] for key in ("name", "account"))
        assert names == ["tianon", "tianon"]
        assert accounts == [TIANON, IMPOSTOR]


@pytest.mark.parametrize(
    ("who", "channel", "account", "doubt"),
    [
        pytest.param(TIANON, DOCKER_DEV, TIANON, "", id="a member"),
        pytest.param(TIANON, SHARED, TIANON, "", id="a member where strangers are, too"),
        pytest.param(GUEST, DOCKER_DEV, GUEST, "a guest", id="a guest"),
        pytest.param(SINGLE_GUEST, DOCKER_DEV, SINGLE_GUEST, "a guest", id="a guest of one channel"),
        pytest.param(STRANGER, SHARED, FOREIGN, "from another workspace", id="somebody from Slack Connect"),
        pytest.param(moby.GONE, DOCKER_DEV, "", GONE, id="somebody who left"),
    ],
)
async def test_who_is_believed_to_be_whom(who: str, channel: str, account: str, doubt: str) -> None:  # A5
    """An account with a doubt counts only where people.toml lists it."""
    async with ear() as slack:
        await slack.acts.mentions(who, "rebuild moby#1", channel).acknowledged()
        (heard,) = slack.heard
        assert heard.speaker.account == account
        assert doubt in heard.speaker.doubt
        assert bool(heard.speaker.doubt) == bool(doubt)
        assert heard.speaker.evidence == "Slack"


@pytest.mark.parametrize(
    "named",
    [
        pytest.param({"user_team": "T0ELSEWHR"}, id="user_team"),
        pytest.param({"source_team": "T0ELSEWHR"}, id="source_team"),
        pytest.param({"team": "T0ELSEWHR"}, id="team"),
        pytest.param({"team": "E0ELSEWHR"}, id="another organisation"),
    ],
)
async def test_who_is_said_to_be_of_two_workspaces_is_nobody(named: dict[str, str]) -> None:  # A5
    async with ear() as slack:
        await slack.tells(SAYS, SHARED, user=TIANON, **named).acknowledged()
        (heard,) = slack.heard
        assert (heard.speaker.account, heard.speaker.doubt) == ("", CANNOT_CHECK)


async def test_a_member_of_the_same_organisation_is_of_its_workspaces() -> None:
    """Their ids begin with W, and their own workspace is another one of the organisation."""
    async with ear() as slack:
        for id_, teams in (("W0GRID001", ["T0OTHER01", moby.TEAM]), ("W0GRID002", ["T0OTHER01"])):
            user = {"id": id_, "team_id": "T0OTHER01", "name": "grid", "enterprise_user": {"teams": teams}}
            slack.slack.faults.refuse("users.info", "", ok=True, user=user)
            await slack.tells(SAYS, type="app_mention", user=id_, team="T0OTHER01").acknowledged()
        assert [heard.speaker.account for heard in slack.heard] == ["W0GRID001", "T0OTHER01/W0GRID002"]


async def test_a_stranger_may_be_told_of_by_their_organisation() -> None:
    """An app_mention in a shared channel names that alone (`extract_actor_team_id` of slack_bolt)."""
    grid = {"teams": ["T0OTHER01"], "enterprise_id": "E0OTHER01"}
    async with ear() as slack:
        user = {"id": "U0GRID001", "team_id": "T0OTHER01", "name": "grid", "enterprise_user": grid}
        slack.slack.faults.refuse("users.info", "", ok=True, user=user)
        await slack.tells(SAYS, SHARED, type="app_mention", user="U0GRID001", user_team="E0OTHER01").acknowledged()
        (heard,) = slack.heard
        assert heard.speaker.account == "T0OTHER01/U0GRID001"
        assert "from another workspace" in heard.speaker.doubt


PROGRAMS: dict[str, Callable[[Ear], Act]] = {
    "a bot of old, in nobody's name": lambda slack: slack.acts.bot_says(OTHER_BOT, SAYS, DOCKER_DEV),
    "a bot": lambda slack: slack.acts.bot_says(OTHER_BOT, SAYS, DOCKER_DEV, is_old=False),
    "a bot to us alone": lambda slack: slack.acts.bot_says(OTHER_BOT, "rebuild moby#1", OTHER_BOT, is_old=False),
    "a bot without the mark of one": lambda slack: slack.acts.says(OTHER_BOT, SAYS, DOCKER_DEV),
    "a workflow": lambda slack: slack.acts.workflow_says(SAYS, DOCKER_DEV),
    "a program in a maintainer's name": lambda slack: slack.tells(SAYS, user=TIANON, bot_id="B0OTHERBT"),
    "another one": lambda slack: slack.tells(SAYS, user=TIANON, app_id="A0OTHERAP"),
    "Slack's own": lambda slack: slack.tells(SAYS, user="USLACKBOT"),
    "we ourselves": lambda slack: slack.tells(SAYS, user=moby.BOT),
    "we as a bot": lambda slack: slack.tells(SAYS, bot_id=moby.BOT_ID, subtype="bot_message"),
    "nobody": lambda slack: slack.tells(SAYS),
}


@pytest.mark.parametrize("shape", PROGRAMS)
async def test_programs_are_neither_obeyed_nor_answered(shape: str) -> None:  # A5
    """An answer might be a line that the other program answers."""
    async with ear() as slack:
        slack.listens_at.add("#docker-dev")
        await PROGRAMS[shape](slack).acknowledged()
        await slack.acts.mentions(TIANON, "status", DOCKER_DEV).acknowledged()
        assert slack.texts == ["status"]
        assert not slack.whispered
        assert not slack.slack.calls_of("bots.info"), "while none is listed, it does not matter which it is"


@pytest.mark.parametrize("listed", [OTHER_BOT, "B0OTHERBT"])
@pytest.mark.parametrize(
    ("shape", "is_obeyed"),
    [
        ("a bot of old, in nobody's name", True),
        ("a bot", True),
        ("a bot to us alone", True),
        ("a program in a maintainer's name", False),
        ("a workflow", False),
        ("another one", False),
    ],
)
async def test_a_program_that_is_listed_is_obeyed_in_its_own_name(listed: str, shape: str, is_obeyed: bool) -> None:
    async with ear(bots=(listed,)) as slack:
        await PROGRAMS[shape](slack).acknowledged()
        wanted = [(OTHER_BOT, "")] if is_obeyed else []
        assert [(heard.speaker.account, heard.speaker.doubt) for heard in slack.heard] == wanted


@pytest.mark.parametrize(
    ("listed", "shape"),
    [
        pytest.param(moby.BOT, "we ourselves", id="we ourselves"),
        pytest.param(moby.BOT_ID, "we as a bot", id="we as a bot"),
        pytest.param(TIANON, "another one", id="a person, in whose name a program speaks"),
    ],
)
async def test_what_is_no_other_program_cannot_be_listed(listed: str, shape: str) -> None:
    async with ear(bots=(listed,)) as slack:
        await PROGRAMS[shape](slack).acknowledged()
        assert not slack.heard


async def test_a_program_is_not_told_why_it_is_not_obeyed() -> None:
    async with ear(bots=("B0LISTED1",)) as slack:
        slack.acts.bot_says(OTHER_BOT, SAYS, moby.BUILDS, is_old=False)
        await slack.tells(SAYS, user=OTHER_BOT, bot_id="B0OTHERBT", edited={}).acknowledged()
        await slack.acts.mentions(TIANON, "status", moby.BUILDS).acknowledged()
        assert "I obey in" in await slack.told(TIANON)
        assert [user for user, _ in slack.whispered] == [TIANON]


@pytest.mark.parametrize("relay", [OTHER_BOT, "B0OTHERBT"])
async def test_what_a_bridge_repeats_is_nobodys(relay: str) -> None:  # A17
    async with ear(relays=(relay,)) as slack:
        slack.listens_at.add("#docker-dev")
        for text in (SAYS, "&lt;alice&gt; !rebuild moby#1", "!rebuild moby#1", "is it down?"):
            await slack.acts.bot_says(OTHER_BOT, text, DOCKER_DEV, is_old=False).acknowledged()
        assert not slack.heard
        assert not slack.whispered


async def test_a_bridge_may_speak_as_a_person() -> None:  # A17
    async with ear(relays=(TIANON,)) as slack:
        await slack.acts.mentions(TIANON, "rebuild moby#1", DOCKER_DEV).acknowledged()
        assert not slack.heard
        assert not slack.whispered


async def test_what_somebody_forwards_was_not_said_by_them() -> None:  # A5
    async with ear() as slack:
        said = await slack.acts.mentions(IMPOSTOR, "rebuild moby#1", DOCKER_DEV).acknowledged()
        await slack.acts.forwards(TIANON, DOCKER_DEV, said.ts, SHARED).acknowledged()
        await slack.acts.forwards(TIANON, DOCKER_DEV, said.ts, SHARED, SAYS).acknowledged()
        await slack.acts.forwards(TIANON, DOCKER_DEV, said.ts, TIANON).acknowledged()
        assert [heard.speaker.account for heard in slack.heard] == [IMPOSTOR]
        assert "forwarded" in await slack.told(TIANON)


@pytest.mark.parametrize("fault", ["limited", "refused", "broken", "cut", "somebody else"])
async def test_while_slack_cannot_be_asked_nobody_is_believed(fault: str) -> None:  # A5
    async with ear() as slack:
        faults = slack.slack.faults
        match fault:
            case "limited":
                faults.limit("30", method="users.info")
            case "refused":
                faults.refuse("users.info", "user_not_found")
            case "broken":
                faults.break_down(method="users.info")
            case "cut":
                faults.drop(method="users.info")
            case _:
                faults.refuse("users.info", "", ok=True, user={"id": "tianon"})
        await slack.acts.mentions(TIANON, "rebuild moby#1", DOCKER_DEV).acknowledged()
        assert (slack.heard[0].speaker.account, slack.heard[0].speaker.doubt) == ("", CANNOT_CHECK)


@pytest.mark.parametrize(
    ("change", "account", "doubt"),
    [({"deleted": True}, "", GONE), ({"is_restricted": True}, TIANON, "a guest"), ({"is_bot": True}, None, PROGRAM)],
)
async def test_who_is_not_what_they_were_is_not_believed_from_then_on(
    change: dict[str, bool], account: str | None, doubt: str
) -> None:
    async with ear() as slack:
        await slack.acts.mentions(TIANON, "status", DOCKER_DEV).acknowledged()
        assert slack.heard[-1].speaker.account == TIANON
        await slack.acts.changes(TIANON, **change).acknowledged()
        await slack.acts.mentions(TIANON, "rebuild moby#1", DOCKER_DEV).acknowledged()
        if account is None:
            assert slack.texts == ["status"]
        else:
            assert slack.heard[-1].speaker.account == account
            assert doubt in slack.heard[-1].speaker.doubt


async def test_what_slack_said_before_a_change_came_counts_for_nothing() -> None:
    """The answer that was under way when the change was told is asked for once more."""
    async with ear() as slack:
        slack.slack.faults.slow(0.15, method="users.info")
        asking = asyncio.create_task(slack.members.who("", TIANON))
        await asyncio.sleep(0.05)
        slack.team.workspace.users[TIANON].deleted = True
        slack.members.changed({"event": {"type": "user_change", "user": {"id": TIANON}}})
        assert (await asking).doubt == GONE
        assert len(slack.slack.calls_of("users.info")) == 2


async def test_who_is_called_a_stranger_is_one_whatever_their_workspace() -> None:  # A5
    async with ear() as slack:
        slack.team.workspace.users[TIANON].is_stranger = True
        assert "from another workspace" in (await slack.members.who("", TIANON)).doubt


async def test_people_are_asked_about_once_in_ten_minutes() -> None:
    clock = MovedClock(lambda: 0.0)
    async with ear(clock) as slack:
        together = await asyncio.gather(*(slack.members.who("", TIANON) for _ in range(5)))
        assert len({speaker.account for speaker in together}) == 1
        assert len(slack.slack.calls_of("users.info")) == 1
        clock.ahead_s += KEPT_S - 1
        await slack.members.who("", TIANON)
        assert len(slack.slack.calls_of("users.info")) == 1
        slack.team.workspace.users[TIANON].deleted = True  # and nothing was told of it
        clock.ahead_s += 1
        assert (await slack.members.who("", TIANON)).doubt == GONE


async def test_a_program_of_elsewhere_is_nobody() -> None:  # A5
    async with ear(bots=("U0FOREIGN",)) as slack:
        slack.team.workspace.add_user(User("U0FOREIGN", "x", "T0ELSEWHR", is_bot=True, is_stranger=True))
        assert (await slack.members.who("", "U0FOREIGN")).doubt == PROGRAM
