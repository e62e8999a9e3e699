"""Who hears a notice: what is watched and muted, by whom, for how long; against an oracle of sets."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import subscription_rows as rows
from bot.commands import Names
from bot.database import Database
from bot.errors import UserError
from bot.live import Facts, Live
from bot.people import People
from bot.settings import ContextSettings, CoreSettings, GordonSettings, JenkinsSettings, RepoSettings
from bot.subscriptions import MAX_EACH, Subscriptions, silences, touches
from bot.values import (
    Account,
    AuthorRef,
    BuildRef,
    ContextRef,
    JobRef,
    NodeRef,
    Person,
    Place,
    Pull,
    PullRef,
    RepoRef,
    Speaker,
    Subject,
    Subscription,
    Watchable,
    Wish,
)
from tests.moved_clock import MONDAY_S, MovedClock, still

MOBY, NETWORK = "moby/moby", "docker/libnetwork"
SETTINGS = GordonSettings(
    gordon=CoreSettings(home=MOBY),
    jenkins={"ci": JenkinsSettings(url="http://127.0.0.1:1")},
    repos={
        MOBY: RepoSettings(
            aliases=("moby",),
            contexts={
                "janky": ContextSettings(jenkins="ci", job="docker-prs"),
                "lint": ContextSettings(jenkins="ci", job="lint"),
                "multi": ContextSettings(jenkins="ci", job="infra/multi", branch="PR-{number}"),
            },
        ),
        NETWORK: RepoSettings(
            aliases=("libnetwork",), contexts={"lint": ContextSettings(jenkins="ci", job="lint-net")}
        ),
    },
)
PEOPLE = People(
    {"tianon": Person("tianon", github_id=102), "jess": Person("jess", github_id=103)},
    {("irc", "tianon-account"): "tianon", ("irc", "jess"): "jess", ("other", "jess"): "jess"},
)
PRS, MULTI, PULL = JobRef("ci", "docker-prs"), JobRef("ci", "infra/multi"), PullRef(MOBY, 7)
CHANNEL, QUIET = Place("irc", "#moby"), Place("irc", "#Quiet")
TIANON = Place("irc", "tianon|away", private=True, account="tianon-account")
JESS = Place("irc", "jess", private=True, account="jess")
MONDAY = datetime.fromtimestamp(MONDAY_S, UTC)
JANKY = Subject(PULL, ("janky",), (PRS,), builds=(BuildRef(PRS, 12),))


@dataclass
class WallClock(MovedClock):
    """A clock whose wall a test may set, as an operator does, while time goes on as it does."""

    wall_s: float = 0.0
    base_s: Callable[[], float] = field(default=lambda: 0.0)

    def __post_init__(self) -> None:
        super().__init__(self.base_s)

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.wall_s)


@asynccontextmanager
async def kept(folder: Path, clock: MovedClock | None = None, people: People = PEOPLE) -> AsyncIterator[Subscriptions]:
    """Open what is kept in a folder, as a start of Gordon does."""
    database = Database(folder / "gordon.db")
    try:
        found = Subscriptions(database, Live(Facts(SETTINGS, people)), clock or still())
        await found.load()
        yield found
    finally:
        database.close()


def wish(wish: Wish, what: Watchable, whose: Place, lasts_s: float = 3600.0, *, at: datetime = MONDAY) -> Subscription:
    """Make what a person wants who is told at a private place, or a channel."""
    person = PEOPLE.find(Speaker(whose.network, "", whose.account, "test"))
    until = at + timedelta(seconds=lasts_s)
    return Subscription(wish, what, whose, until, person.key if person else "", whose.account)


def watch(what: Watchable, whose: Place, lasts_s: float = 3600.0) -> Subscription:
    return wish(Wish.WATCH, what, whose, lasts_s)


def mute(what: Watchable, whose: Place, lasts_s: float = 3600.0) -> Subscription:
    return wish(Wish.MUTE, what, whose, lasts_s)


NAMES = Live(Facts(SETTINGS, PEOPLE)).now.names


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        pytest.param("#7", PULL, id="pull-of-the-home"),
        pytest.param("Moby#7", PULL, id="pull"),
        pytest.param("https://github.com/moby/moby/pull/7/files", PULL, id="link"),
        pytest.param("docker-prs#12", BuildRef(PRS, 12), id="build"),
        pytest.param("janky#12", BuildRef(PRS, 12), id="build-by-its-context"),
        pytest.param("Janky", ContextRef("", "janky"), id="context"),
        pytest.param("lint", ContextRef("", "lint"), id="context-of-several-repositories"),
        pytest.param("libnetwork/lint", ContextRef(NETWORK, "lint"), id="context-of-one"),
        pytest.param("docker/libnetwork/lint", ContextRef(NETWORK, "lint"), id="context-of-one-in-full"),
        pytest.param("docker-prs", PRS, id="job"),
        pytest.param("infra/multi", MULTI, id="multibranch-project"),
        pytest.param("infra/multi/PR-7", JobRef("ci", "infra/multi/PR-7"), id="job-of-a-multibranch-project"),
        pytest.param("moby", RepoRef(MOBY), id="repository"),
        pytest.param("docker/libnetwork", RepoRef(NETWORK), id="repository-in-full"),
        pytest.param("author:@Tianon", AuthorRef("Tianon"), id="author"),
        pytest.param("author:dependabot[bot]", AuthorRef("dependabot[bot]"), id="bot"),
        pytest.param("node:dm-7", NodeRef("ci", "dm-7"), id="node"),
    ],
)
def test_what_is_watched_is_named_as_people_name_it(typed: str, what: Watchable) -> None:
    assert NAMES.what(typed) == what
    assert rows.load(rows.dump(what)) == what


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        pytest.param("jankier", 'no job "jankier"; did you mean janky', id="unknown"),
        pytest.param("moby#7/janky", "too narrow", id="one-context-of-one-pull"),
        pytest.param("nobody#7", "no repository", id="unknown-repository"),
        pytest.param("author:a b", "no job", id="no-login"),
        pytest.param("node:", "missing", id="no-name-of-an-agent"),
    ],
)
def test_what_is_nothing_to_be_watched_is_told(typed: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        NAMES.what(typed)


# -- matching, against sets --

REPOS, NUMBERS, CONTEXTS, LOGINS = (MOBY, "Moby/Cli"), (7, 8), ("janky", "Lint"), ("jess", "Mallory")
JOBS = tuple(JobRef(server, name) for server, name in product(("ci", "old"), ("prs", "f/prs", "f/Prs/PR-7", "f")))
NODES = tuple(NodeRef(server, name) for server in ("ci", "old") for name in ("dm-7", "arm"))
BUILDS = tuple(BuildRef(job, number) for job in JOBS[:2] for number in (1, 2))
PULLS = tuple(PullRef(repo, number) for repo, number in product(REPOS, NUMBERS))
EVERYTHING: tuple[Watchable, ...] = (
    *PULLS,
    *(RepoRef(repo.upper()) for repo in REPOS),
    *(AuthorRef(login.lower()) for login in LOGINS),
    *(ContextRef(repo, name.upper()) for repo, name in product(("", *REPOS), CONTEXTS)),
    *JOBS,
    *BUILDS,
    *NODES,
    NodeRef("", "DM-7"),
)


def covered(what: Watchable) -> set[str]:
    """List all single things, each as text, that something to be watched is or holds."""
    match what:
        case PullRef():
            return {f"pull {what}".lower()}
        case RepoRef():
            return {f"repo {what}".lower()}
        case AuthorRef():
            return {f"author {what.name}"}
        case ContextRef():
            return {f"context {repo} {what.name}".lower() for repo in (REPOS if not what.repo else (what.repo,))}
        case JobRef():
            inside = [
                job for job in JOBS if f"{job.server} {job}/".lower().startswith(f"{what.server} {what}/".lower())
            ]
            return {f"job {job.server} {job}".lower() for job in inside}
        case BuildRef():
            return {f"build {what.job.server} {what}".lower()}
        case NodeRef():
            return {f"node {node}".lower() for node in map(repr, NODES) if _is_node(node, what)}


def _is_node(text: str, what: NodeRef) -> bool:
    return f"name='{what.name.lower()}'" in text.lower() and (not what.server or f"server='{what.server}'" in text)


def things(about: Subject, authors: Collection[str]) -> tuple[set[str], list[set[str]]]:
    """List what a notice is about: what holds all of it, and its several things, kind by kind."""
    repo = about.pull.repo if about.pull else about.repo
    whole = {f"pull {about.pull}", f"repo {repo}", *(f"author {name}" for name in authors)}
    kinds: list[Iterable[str]] = [
        (f"context {repo} {name}" for name in about.contexts),
        (f"job {job.server} {job}" for job in about.jobs),
        (f"build {build.job.server} {build}" for build in about.builds),
        (f"node {node!r}" for node in about.nodes),
    ]
    return {one.lower() for one in whole}, [{one.lower() for one in kind} for kind in kinds]


def should_touch(what: Watchable, about: Subject, authors: Collection[str]) -> bool:
    whole, kinds = things(about, authors)
    return bool(covered(what) & whole.union(*kinds))


def should_silence(mutes: Collection[Watchable], about: Subject, authors: Collection[str]) -> bool:
    whole, kinds = things(about, authors)
    muted = set[str]().union(*map(covered, mutes))
    return bool(muted & whole) or any(kind and kind <= muted for kind in kinds)


SUBJECTS = st.builds(
    Subject,
    pull=st.sampled_from([None, *PULLS]),
    contexts=st.lists(st.sampled_from(CONTEXTS), max_size=2).map(tuple),
    jobs=st.lists(st.sampled_from(JOBS), max_size=2).map(tuple),
    builds=st.lists(st.sampled_from(BUILDS), max_size=2).map(tuple),
    nodes=st.lists(st.sampled_from(NODES), max_size=2).map(tuple),
    repo=st.sampled_from(REPOS),
)
AUTHORS = st.sets(st.sampled_from([login.lower() for login in LOGINS]))


@given(st.lists(st.sampled_from(EVERYTHING), max_size=5), SUBJECTS, AUTHORS)
def test_what_a_notice_is_about_is_weighed_as_sets_are(
    chosen: list[Watchable], about: Subject, authors: set[str]
) -> None:
    assert silences(chosen, about, authors) == should_silence(chosen, about, authors)
    for what in chosen:
        assert touches(what, about, authors) == should_touch(what, about, authors)


async def test_who_hears_is_what_the_sets_say(tmp_path: Path) -> None:
    """Whatever people have watched and muted: nobody twice, nobody who has muted it, everybody else who wants it."""
    random, wanted = Random(8), dict[tuple[str, ...], Subscription]()
    spots = (CHANNEL, QUIET, TIANON, JESS)
    async with kept(tmp_path) as subscriptions:
        for _ in range(150):
            one = wish(random.choice([*Wish]), random.choice(EVERYTHING), random.choice(spots))
            key = tuple(rows.key_of(one).values())
            if key in wanted:
                await subscriptions.remove(wanted.pop(key))
            else:
                await subscriptions.add(one)
                wanted[key] = one
            pull = random.choice([None, *PULLS])
            contexts, jobs = random.choices(CONTEXTS, k=random.randint(0, 2)), random.choices(JOBS, k=1)
            about = Subject(pull, tuple(contexts), tuple(jobs), random.choice(LOGINS), repo=random.choice(REPOS))
            places = random.sample([CHANNEL, QUIET], random.randint(0, 2))
            heard = list(subscriptions.audience(places, about))
            should = [
                spot
                for spot in spots
                if (spot in places or any(is_of(w, Wish.WATCH, spot, about) for w in wanted.values()))
                and not should_silence(muted_at(wanted.values(), spot), about, {about.author.lower()})
            ]
            assert sorted(map(str, heard)) == sorted(map(str, should))


def is_of(one: Subscription, kind: Wish, spot: Place, about: Subject) -> bool:
    return (one.wish, one.place) == (kind, spot) and should_touch(one.what, about, {about.author.lower()})


def muted_at(wanted: Iterable[Subscription], spot: Place) -> list[Watchable]:
    return [one.what for one in wanted if one.wish is Wish.MUTE and one.place == spot]


# -- who, where and how long --


async def test_a_place_that_is_spelled_otherwise_is_the_same(tmp_path: Path) -> None:
    async with kept(tmp_path) as subscriptions:
        await subscriptions.add(watch(PULL, QUIET))
        here = replace(QUIET, channel="#quiet", to="jess")
        assert subscriptions.audience([here], JANKY) == [here]
        await subscriptions.add(mute(PRS, replace(QUIET, channel="#QUIET")))
        assert subscriptions.audience([here], JANKY) == []


async def test_what_somebody_has_muted_reaches_them_nowhere(tmp_path: Path) -> None:
    """A mute counts on all networks, more than a watch does, and for being addressed, by number or by name."""
    async with kept(tmp_path) as subscriptions:
        await subscriptions.add(watch(PULL, JESS))
        await subscriptions.add(mute(PRS, replace(JESS, network="other")))
        assert subscriptions.audience([CHANNEL], JANKY) == [CHANNEL]
        assert subscriptions.audience([], Subject(PULL)) == [JESS]
        assert subscriptions.has_muted(Account(103, "jessfraz"), JANKY)
        assert subscriptions.has_muted(Account(0, "jess"), JANKY)
        assert not subscriptions.has_muted(Account(102, "jess-2"), JANKY)
        assert not subscriptions.has_muted(Account(103, "jessfraz"), Subject(PULL, ("lint",)))


@pytest.mark.parametrize("named", ["jessfraz", "JESS"], ids=["by-login", "by-their-name-here"])
async def test_an_author_is_known_by_the_book(tmp_path: Path, named: str) -> None:
    async with kept(tmp_path) as subscriptions:
        await subscriptions.add(watch(AuthorRef(named), TIANON))
        assert subscriptions.audience([], JANKY) == []
        subscriptions.know(Pull(PULL, "It", "jessfraz", 103, "abc", "master", "", ""))
        assert subscriptions.audience([], JANKY) == [TIANON]


PRIVATE = [
    pytest.param(People({}, {}), False, id="removed"),
    pytest.param(People({"tianon": Person("tianon")}, {("irc", "other"): "tianon"}), False, id="without-the-account"),
    pytest.param(
        People({"tianon": Person("tianon"), "eve": Person("eve")}, {("irc", "tianon-account"): "eve"}),
        False,
        id="account-of-another",
    ),
    pytest.param(PEOPLE, True, id="still-theirs"),
]


@pytest.mark.parametrize(("people", "is_told"), PRIVATE)
async def test_a_private_place_is_told_while_the_account_is_that_of_the_person(
    tmp_path: Path, people: People, is_told: bool
) -> None:
    async with kept(tmp_path) as before:
        await before.add(watch(PULL, TIANON))
        assert before.audience([], JANKY) == [TIANON]
    async with kept(tmp_path, people=people) as after:
        assert after.audience([], JANKY) == ([TIANON] if is_told else [])


async def test_a_mute_is_over_when_its_time_is(tmp_path: Path) -> None:
    clock = still()
    async with kept(tmp_path, clock) as subscriptions:
        await subscriptions.add(mute(PULL, CHANNEL, 600))
        assert [left.total_seconds() for _, left in subscriptions.list("", CHANNEL)] == [600]
        clock.move(599)
        assert subscriptions.audience([CHANNEL], JANKY) == []
        clock.move(1)
        assert subscriptions.audience([CHANNEL], JANKY) == [CHANNEL]
        assert subscriptions.list("", CHANNEL) == []


@pytest.mark.parametrize("jump_s", [3600, -3600])
async def test_a_wall_clock_that_jumps_ends_nothing_and_prolongs_nothing(tmp_path: Path, jump_s: float) -> None:
    """F33: and neither does what somebody else writes while it is wrong."""
    clock = WallClock()
    async with kept(tmp_path, clock) as subscriptions:
        await subscriptions.add(mute(PULL, CHANNEL, 1800))
        clock.wall_s = jump_s
        await subscriptions.add(watch(PULL, JESS, 7200 + jump_s))
        clock.move(1799)
        assert subscriptions.audience([CHANNEL], JANKY) == [JESS]
        clock.move(1)
        assert set(subscriptions.audience([CHANNEL], JANKY)) == {CHANNEL, JESS}
        clock.wall_s = 0
        assert set(subscriptions.audience([CHANNEL], JANKY)) == {CHANNEL, JESS}


async def test_a_restart_while_the_clock_is_wrong_loses_nothing(tmp_path: Path) -> None:
    """F33: what seems to be over stays on disk for a week, and holds again when the clock is right."""
    async with kept(tmp_path, WallClock()) as subscriptions:
        await subscriptions.add(mute(PULL, CHANNEL, 1800))
    wrong = WallClock(wall_s=86400)
    async with kept(tmp_path, wrong) as subscriptions:
        assert subscriptions.audience([CHANNEL], JANKY) == [CHANNEL]
        await subscriptions.add(watch(PULL, JESS, 86400 * 2))
    async with kept(tmp_path, WallClock(wall_s=1799)) as subscriptions:
        assert subscriptions.audience([CHANNEL], JANKY) == [JESS]


async def test_what_is_long_over_goes_from_the_disk(tmp_path: Path) -> None:
    clock = still()
    async with kept(tmp_path, clock) as subscriptions:
        await subscriptions.add(mute(PULL, CHANNEL, 60))
        clock.move(86400 * 8)
        await subscriptions.add(watch(PULL, JESS, 86400 * 9))
    async with kept(tmp_path) as afterwards:  # at a time when both would hold
        assert afterwards.list("jess", CHANNEL)
        assert afterwards.audience([CHANNEL], JANKY) == [CHANNEL, JESS]


@pytest.mark.parametrize("whose", [JESS, CHANNEL], ids=["person", "channel"])
async def test_nobody_has_more_than_can_be_weighed(tmp_path: Path, whose: Place) -> None:
    clock = still()
    async with kept(tmp_path, clock) as subscriptions:
        for number in range(1, MAX_EACH + 1):
            kind = Wish.WATCH if number % 2 else Wish.MUTE
            await subscriptions.add(wish(kind, PullRef(MOBY, number), whose, 60 if number == 1 else 3600))
        with pytest.raises(UserError, match="50 things"):
            await subscriptions.add(watch(PRS, whose))
        await subscriptions.add(wish(Wish.MUTE, PullRef(MOBY, 2), whose, 7200))
        await subscriptions.add(watch(PRS, TIANON))
        assert await subscriptions.remove(wish(Wish.MUTE, PullRef(MOBY, 2), whose))
        await subscriptions.add(watch(PRS, whose))
        clock.move(61)
        await subscriptions.add(watch(MULTI, whose))


async def test_what_a_person_forgets_is_forgotten_on_all_networks(tmp_path: Path) -> None:
    elsewhere = replace(JESS, network="other")
    async with kept(tmp_path) as subscriptions:
        for whose in (JESS, elsewhere, TIANON):
            await subscriptions.add(watch(PULL, whose))
        assert subscriptions.audience([], JANKY) == [JESS, elsewhere, TIANON]
        assert await subscriptions.remove(watch(PULL, JESS))
        assert subscriptions.audience([], JANKY) == [TIANON]
        assert not await subscriptions.remove(watch(PULL, JESS))


async def test_a_watch_of_what_is_over_ends_soon_and_its_mute_when_it_would(tmp_path: Path) -> None:
    clock = still()
    async with kept(tmp_path, clock) as subscriptions:
        for one in (watch(PULL, JESS, 86400), watch(PULL, TIANON, 60), mute(PULL, CHANNEL, 86400)):
            await subscriptions.add(one)
        for _ in range(2):  # as often as its handler runs
            ended = await subscriptions.end([PULL], MONDAY + timedelta(seconds=600))
            assert {one.place for one in ended} == {JESS, TIANON}
        clock.move(599)
        assert subscriptions.audience([CHANNEL], JANKY) == [JESS]
        clock.move(1)
        assert subscriptions.audience([CHANNEL], JANKY) == []


@pytest.mark.parametrize(
    ("one", "is_taken"),
    [
        pytest.param(wish(Wish.WATCH, PULL, Place("github", "moby/moby#7")), False, id="channel-watches"),
        pytest.param(wish(Wish.MUTE, PULL, Place("github", "moby/moby#7")), False, id="channel-mutes"),
        pytest.param(
            replace(watch(PULL, JESS), place=Place("github", "jess", private=True)), False, id="person-watches"
        ),
        pytest.param(replace(mute(PULL, JESS), place=Place("github", "jess", private=True)), True, id="person-mutes"),
    ],
)
async def test_comments_are_no_place_to_be_told(tmp_path: Path, one: Subscription, is_taken: bool) -> None:
    async with kept(tmp_path) as subscriptions:
        if is_taken:
            await subscriptions.add(one)
            assert subscriptions.has_muted(Account(103, ""), JANKY)
        else:
            with pytest.raises(UserError, match="say it in chat"):
                await subscriptions.add(one)


def test_names_without_any_context_know_none() -> None:
    with pytest.raises(UserError, match="no job"):
        Names().what("janky")
