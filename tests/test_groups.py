"""Which roles a group of users gives, to whom, and what is done when nobody tells who is in it."""

import asyncio
from collections.abc import Callable, Collection

import pytest

from bot.access import Access
from bot.adapters.slack_groups import members
from bot.chat import Grouped
from bot.demo.slack import moby
from bot.errors import NotAllowed, Refused, Unavailable, Unchecked
from bot.groups import Groups
from bot.linked import Link
from bot.live import Facts, Live
from bot.people import People
from bot.rolls import CURRENT_S
from bot.settings import CoreSettings, GordonSettings
from bot.teams import Teams
from bot.testing import FakeChat
from bot.values import Membership, Person, Role, Speaker
from tests.moved_clock import MovedClock, still
from tests.slack_said_rig import saying

HOME = "moby/moby"
GROUP = "moby/@maintainers"
ROLES = {HOME: Role.MAINTAINER}
SAM, EVE = (
    Speaker("moby", "Sam", "U024BE7LH", "signed by Slack"),
    Speaker("moby", "Eve", "U0EVE0000", "signed by Slack"),
)
SAM_IRC = Speaker("oftc", "sam", "sam", "account-tag")
PEOPLE = People(
    {"sam": Person("sam"), "carol": Person("carol", {"*": Role.TRIAGER})},
    {("oftc", "carol"): "carol", ("oftc", "sam"): "sam"},
    groups={GROUP: ROLES},
    members={("moby", "U024BE7LH"): "sam"},
)
SILENT = Unavailable("Slack moby", "reading a group")


class GroupedChat(FakeChat):
    """A place to talk whose people are in groups."""

    def __init__(self, people: Collection[str] = (), fault: Exception | None = None) -> None:
        super().__init__("moby")
        self.people = people
        self.fault = fault
        self.asked: list[str] = []
        self.on_groups_changed: Callable[[], None] = lambda: None

    async def members(self, group: str) -> frozenset[str]:
        self.asked.append(group)
        if self.fault is not None:
            raise self.fault
        return frozenset(self.people)


def live_of(people: People) -> Live:
    return Live(Facts(GordonSettings(gordon=CoreSettings(home=HOME)), people))


def access_of(chat: FakeChat, people: People = PEOPLE, clock: MovedClock | None = None) -> Access:
    """Make an access that has asked for the groups of the file."""
    live, clock = live_of(people), clock or still()
    groups = Groups(lambda: {"moby": chat}, live, clock)
    asyncio.run(groups.begin())
    return Access(live, Teams(None, live, clock), groups)


def role(access: Access, speaker: Speaker, repo: str | None = HOME) -> Role:
    return access.role(access.find(speaker), repo)


@pytest.mark.parametrize(
    ("speaker", "people", "expected"),
    [
        pytest.param(SAM, [SAM.account], Role.MAINTAINER, id="who-is-in-it"),
        pytest.param(SAM_IRC, [SAM.account], Role.MAINTAINER, id="wherever-they-speak"),
        pytest.param(SAM, [EVE.account], Role.ANYONE, id="who-is-not"),
        pytest.param(SAM, [SAM.account.lower()], Role.ANYONE, id="ids-stand-as-they-are"),
        pytest.param(EVE, [EVE.account], Role.ANYONE, id="who-is-not-in-the-file"),
    ],
)
def test_a_group_gives_its_roles_to_people_of_the_file(
    speaker: Speaker, people: Collection[str], expected: Role
) -> None:
    access = access_of(GroupedChat(people))
    assert role(access, speaker) is expected
    assert role(access, speaker, None) is Role.ANYONE


def test_somebody_hears_which_group_gives_a_role() -> None:
    access = access_of(GroupedChat([SAM.account]))
    assert access.memberships(Person("sam")) == [Membership(GROUP, ROLES)]


def test_an_account_that_is_linked_brings_no_role_of_a_group_along() -> None:
    """A link never gives more than the person's roles, though the account by itself is in the group."""
    link = Link(EVE, Speaker("oftc", "carol", "carol", "account-tag"), "carol", still().now(), "k")
    access = access_of(GroupedChat([EVE.account]), PEOPLE.linked([link]))
    assert role(access, EVE) is Role.TRIAGER


def test_a_number_that_is_linked_brings_no_role_of_a_team_along() -> None:
    """The same with teams of GitHub's: neither had the role before."""
    link = Link(Speaker("github", "sam", "11", "github"), SAM_IRC, "sam", still().now(), "k")
    people = People({"sam": Person("sam")}, {("oftc", "sam"): "sam"}, {"docker/core": ROLES}).linked([link])
    access = access_of(GroupedChat(), people)
    assert people.find(SAM_IRC) == Person("sam", {}, 11)
    assert access.memberships(Person("sam", {}, 11)) == []


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        pytest.param(SILENT, "Slack moby does not answer", id="silent"),
        pytest.param(Refused("Slack moby", "no such group"), "Slack moby does not tell me", id="refused"),
    ],
)
def test_a_group_that_nobody_tells_of_gives_no_role_and_says_why(fault: Exception, why: str) -> None:
    access = access_of(GroupedChat([SAM.account], fault))
    assert role(access, SAM) is Role.ANYONE
    with pytest.raises(Unchecked, match=rf"whether you are in {GROUP} \({why}\)"):
        access.require(SAM, Role.MAINTAINER, HOME, "no")
    with pytest.raises(NotAllowed, match=r"^no$"):
        access.require(SAM, Role.OPERATOR, HOME, "no")


def test_a_group_of_a_network_without_groups_gives_no_role() -> None:
    access = access_of(FakeChat("moby"))
    assert role(access, SAM) is Role.ANYONE


async def test_who_is_taken_out_is_out_within_five_minutes_whoever_answers() -> None:
    chat, clock = GroupedChat([SAM.account]), still()
    groups = Groups(lambda: {"moby": chat}, live_of(PEOPLE), clock)
    await groups.begin()
    assert groups.has(GROUP, SAM.account) is True
    chat.fault = SILENT
    clock.move(CURRENT_S)
    assert groups.has(GROUP, SAM.account) is None


async def test_a_group_that_has_changed_is_asked_for_at_once() -> None:
    chat = GroupedChat([SAM.account])
    groups = Groups(lambda: {"moby": chat}, live_of(PEOPLE), still())
    await groups.begin()
    chat.people = ()
    groups.changed_on("elsewhere")
    await groups.go_on()
    assert groups.has(GROUP, SAM.account) is True
    groups.changed_on("moby")
    await groups.go_on()
    assert groups.has(GROUP, SAM.account) is False
    assert chat.asked == ["@maintainers"] * 2


def test_whoever_knows_groups_is_known_by_it() -> None:
    assert isinstance(GroupedChat(), Grouped)
    assert not isinstance(FakeChat(), Grouped)


@pytest.mark.parametrize("group", ["@maintainers", "@Maintainers", moby.MAINTAINERS_GROUP])
async def test_slack_tells_who_is_in_a_group_by_its_handle_or_id(group: str) -> None:
    async with saying() as said:
        assert await members(said.api, group) == {moby.TIANON, moby.CROSBYMICHAEL, moby.ICECRIME}


@pytest.mark.parametrize("group", ["@others", "S0OTHER00"])
async def test_a_group_that_is_not_there_is_refused(group: str) -> None:
    async with saying() as said:
        with pytest.raises(Refused):
            await members(said.api, group)


async def test_a_group_that_was_disabled_gives_nothing() -> None:
    async with saying() as said:
        said.slack.workspace("moby").usergroups[moby.MAINTAINERS_GROUP].date_delete = 1
        for group in ("@maintainers", moby.MAINTAINERS_GROUP):
            with pytest.raises(Refused):
                await members(said.api, group)
