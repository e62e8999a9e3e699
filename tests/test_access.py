"""Whose word counts for which target: the role must be there where the target belongs, by the file or by a team."""

import asyncio
from collections.abc import Collection
from dataclasses import replace

import pytest

from bot.access import Access
from bot.clock import SystemClock
from bot.commands import Call, Usage
from bot.errors import NotAllowed, Unavailable, Unchecked
from bot.live import Facts, Live
from bot.people import People
from bot.plugin import Command, Context
from bot.settings import ContextSettings, CoreSettings, GordonSettings, RepoSettings
from bot.teams import Teams
from bot.values import BuildRef, JobRef, Membership, Person, Pull, PullRef, Role, Speaker
from tests.moved_clock import still
from tests.team_forge import TeamForge

HOME, OTHER = "moby/moby", "docker/libcontainer"
OURS, THEIRS, SHARED, NOBODYS = (JobRef("ci", name) for name in ("ours", "theirs", "shared", "image"))
PEOPLE = People(
    {
        "tianon": Person("tianon", {HOME: Role.MAINTAINER}),
        "crosbymichael": Person("crosbymichael", {OTHER: Role.MAINTAINER}),
        "icecrime": Person("icecrime", {"*": Role.MAINTAINER}),
    },
    {("demo", name): name for name in ("tianon", "crosbymichael", "icecrime")},
)


def repo(*jobs: JobRef) -> RepoSettings:
    return RepoSettings(
        contexts={job.full_name: ContextSettings(jenkins=job.server, job=job.full_name) for job in jobs}
    )


SETTINGS = GordonSettings(gordon=CoreSettings(home=HOME), repos={HOME: repo(OURS, SHARED), OTHER: repo(THEIRS, SHARED)})
LIVE = Live(Facts(SETTINGS, PEOPLE))
ACCESS = Access(LIVE, Teams(None, LIVE, SystemClock()))


async def _handle(ctx: Context, call: Call) -> None:
    """Do nothing."""


COMMAND = Command("rebuild", Usage.parse("build <job>"), Role.MAINTAINER, False, "", _handle)


@pytest.mark.parametrize(
    ("target", "may"),
    [
        pytest.param(PullRef(HOME, 1), {"tianon", "icecrime"}, id="pull-of-home"),
        pytest.param(PullRef(OTHER, 1), {"crosbymichael", "icecrime"}, id="pull-of-another"),
        pytest.param(OURS, {"tianon", "icecrime"}, id="job-of-home"),
        pytest.param(THEIRS, {"crosbymichael", "icecrime"}, id="job-of-another"),
        pytest.param(BuildRef(THEIRS, 4), {"crosbymichael", "icecrime"}, id="build-of-another"),
        pytest.param(SHARED, {"icecrime"}, id="job-of-both"),
        pytest.param(NOBODYS, {"tianon", "icecrime"}, id="job-of-no-repository-is-homes"),
    ],
)
def test_a_role_counts_where_the_target_belongs(target: PullRef | JobRef | BuildRef, may: set[str]) -> None:
    call = Call("build", {"job": target})
    for name in ("tianon", "crosbymichael", "icecrime", "nobody"):
        speaker = Speaker("demo", name, name, "account-tag")
        if name in may:
            ACCESS.weigh(speaker, COMMAND, call)
        else:
            with pytest.raises(NotAllowed, match="needs the role maintainer"):
                ACCESS.weigh(speaker, COMMAND, call)


def test_a_role_that_was_taken_away_is_seen_where_the_job_belongs() -> None:
    tianon = Speaker("demo", "tianon", "tianon", "account-tag")
    assert not ACCESS.has_lost(tianon, Role.MAINTAINER, OURS)
    assert ACCESS.has_lost(tianon, Role.MAINTAINER, THEIRS)
    assert ACCESS.has_lost(Speaker("demo", "tianon"), Role.MAINTAINER, OURS)


CORE, NET = "docker/core", "docker/net"
IN_TEAMS = People(
    {
        "alice": Person("alice", {OTHER: Role.TRIAGER}, github_id=11),
        "bob": Person("bob", {HOME: Role.MERGER}, github_id=12),
        "carol": Person("carol"),
    },
    {("demo", name): name for name in ("alice", "bob", "carol")},
    {CORE: {HOME: Role.MAINTAINER}, NET: {"*": Role.TRIAGER}},
)


def access_of(core: Collection[int] = (), net: Collection[int] = (), *, is_silent: bool = False) -> Access:
    """Make an access whose teams have these members, or cannot be asked."""
    live, clock = Live(Facts(SETTINGS, IN_TEAMS)), still()
    forge = TeamForge(clock, {CORE: core, NET: net})
    forge.fault = Unavailable("GitHub", "reading who is in a team") if is_silent else None
    teams = Teams(forge, live, clock)
    asyncio.run(teams.begin())
    return Access(live, teams)


def proven(name: str) -> Speaker:
    return Speaker("demo", name, name, "account-tag")


@pytest.mark.parametrize(
    ("key", "repo", "members", "role"),
    [
        pytest.param("alice", HOME, ({11}, ()), Role.MAINTAINER, id="by-a-team"),
        pytest.param("alice", OTHER, ({11}, ()), Role.TRIAGER, id="a-team-counts-where-it-says"),
        pytest.param("alice", None, ({11}, ()), Role.ANYONE, id="and-not-everywhere"),
        pytest.param("alice", None, ((), {11}), Role.TRIAGER, id="by-a-team-everywhere"),
        pytest.param("alice", HOME, ({11}, {11}), Role.MAINTAINER, id="the-highest-of-several"),
        pytest.param("alice", HOME, ({12}, ()), Role.ANYONE, id="a-team-of-others"),
        pytest.param("bob", HOME, ({12}, ()), Role.MERGER, id="a-lower-one-takes-nothing-away"),
        pytest.param("carol", HOME, ({0, 11, 12}, ()), Role.ANYONE, id="without-a-number"),
    ],
)
def test_a_role_counts_by_the_file_or_by_a_team(
    key: str, repo: str | None, members: tuple[Collection[int], Collection[int]], role: Role
) -> None:
    access = access_of(*members)
    assert access.role(IN_TEAMS.by_name(key), repo) is role
    found = access.find(proven(key))
    assert found is not None
    assert max(found.roles.get("*", Role.ANYONE), found.roles.get(repo or "*", Role.ANYONE)) is role
    assert access.by_name(key) == found


def test_a_role_hangs_on_the_file_and_not_on_what_somebody_is_handed() -> None:
    assert access_of().role(Person("nobody", {"*": Role.OPERATOR}, github_id=11), None) is Role.ANYONE
    assert access_of().role(Person("alice", {"*": Role.OPERATOR}), None) is Role.ANYONE


def test_the_teams_of_somebody_are_told_with_those_that_cannot_be_checked() -> None:
    alice, carol = Person("alice", github_id=11), Person("carol")
    assert access_of(core={11}, net={12}).memberships(alice) == [Membership(CORE, {HOME: Role.MAINTAINER})]
    silent = access_of(is_silent=True)
    assert [(each.team, each.doubt) for each in silent.memberships(alice)] == [
        (CORE, "GitHub does not answer"),
        (NET, "GitHub does not answer"),
    ]
    assert silent.memberships(carol) == []


CANNOT_CHECK = r"^cannot check right now whether {} in docker/core \(GitHub does not answer\), so not now$"


def test_whose_role_hangs_on_a_team_that_cannot_be_checked_is_told_so() -> None:
    access, call = access_of(is_silent=True), Call("build", {"job": OURS})
    with pytest.raises(Unchecked, match=CANNOT_CHECK.format("you are")):
        access.weigh(proven("alice"), COMMAND, call)
    alice = IN_TEAMS.by_name("alice")
    assert alice is not None
    assert access.why_not(alice, COMMAND, HOME).startswith("cannot check right now whether alice is in docker/core")


@pytest.mark.parametrize(
    ("key", "target"),
    [
        pytest.param("carol", OURS, id="without-a-number"),
        pytest.param("alice", THEIRS, id="no-team-would-do"),
    ],
)
def test_whom_no_team_could_help_hears_what_is_missing(key: str, target: JobRef) -> None:
    with pytest.raises(NotAllowed, match="build needs the role maintainer") as refused:
        access_of(is_silent=True).weigh(proven(key), COMMAND, Call("build", {"job": target}))
    assert not isinstance(refused.value, Unchecked)


def test_who_has_the_role_by_the_file_does_not_notice_a_silent_github() -> None:
    access = access_of(is_silent=True)
    access.weigh(proven("bob"), COMMAND, Call("build", {"job": OURS}))
    assert not access.has_lost(proven("bob"), Role.MAINTAINER, OURS)


def test_what_was_lost_and_what_cannot_be_told_are_two_things() -> None:
    assert access_of().has_lost(proven("alice"), Role.MAINTAINER, OURS)
    assert not access_of(core={11}).has_lost(proven("alice"), Role.MAINTAINER, OURS)
    with pytest.raises(Unchecked):
        access_of(is_silent=True).has_lost(proven("alice"), Role.MAINTAINER, OURS)


PULL = Pull(PullRef(HOME, 1), "", "alice-of-old", 11, "c" * 40, "master", "", "")


@pytest.mark.parametrize(
    ("key", "author_id", "members", "may"),
    [
        pytest.param("alice", 11, ((), ()), True, id="its-author-by-number"),
        pytest.param("alice", 99, ((), ()), False, id="the-author-is-another-account"),
        pytest.param("alice", 99, ((), {11}), True, id="triager-by-a-team"),
        pytest.param("carol", 0, ((), ()), False, id="nobody-has-the-number-nought"),
    ],
)
def test_whose_pull_request_it_is_goes_by_number(
    key: str, author_id: int, members: tuple[Collection[int], Collection[int]], may: bool
) -> None:
    """A31."""
    pull = Pull(PULL.ref, "", "alice", author_id, PULL.head, "master", "", "")
    if may:
        assert access_of(*members).of_pull(proven(key), pull).key == key
    else:
        with pytest.raises(NotAllowed, match=f"{key} is neither"):
            access_of(*members).of_pull(proven(key), pull)


def test_the_author_needs_no_team_and_others_hear_that_theirs_cannot_be_checked() -> None:
    access, others = access_of(is_silent=True), Pull(PULL.ref, "", "x", 99, PULL.head, "master", "", "")
    assert access.of_pull(proven("alice"), PULL).key == "alice"
    with pytest.raises(Unchecked, match=CANNOT_CHECK.format("you are")):
        access.of_pull(proven("alice"), others)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("tianon", "tianon is anyone (roles in single repositories do not count for it)", id="in-one"),
        pytest.param("icecrime", "icecrime is maintainer", id="everywhere"),
    ],
)
def test_what_is_for_operators_everywhere_is_not_for_those_of_one_repository(name: str, said: str) -> None:
    speaker, reload = Speaker("demo", name, name, "account-tag"), replace(COMMAND, role=Role.OPERATOR)
    assert ACCESS.why_not(speaker, reload, "") == f"build needs the role operator everywhere; {said}"


@pytest.mark.parametrize(
    ("speaker", "said"),
    [
        pytest.param(Speaker("demo", "alice"), "nothing proves who you are here (whoami tells more)", id="no-proof"),
        pytest.param(
            Speaker("demo", "alice", doubt="this network tells no accounts, so talk to me on another."),
            "nothing proves who you are here: this network tells no accounts, so talk to me on another",
            id="the-network-says-why",
        ),
        pytest.param(
            Speaker("demo", "alice", "mallory", "account-tag"),
            "people.toml has nobody with your account (whoami tells more)",
            id="an-account-that-is-nobodys",
        ),
    ],
)
def test_who_is_unproven_hears_what_to_do(speaker: Speaker, said: str) -> None:
    access = access_of(core={11}, net={11})
    assert access.why_not(speaker, COMMAND, HOME) == f"build needs the role maintainer, and {said}"
    with pytest.raises(NotAllowed) as refused:
        access.of_pull(speaker, PULL)
    assert str(refused.value) == f"builds of moby#1 are not yours to start: {said}"
