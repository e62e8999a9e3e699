"""Which open pull requests a list has, against an oracle over repositories made at random; its orders and its words."""

import asyncio
import itertools
import random
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from bot.adapters.irc_wire import messages
from bot.plugin import UserError
from bot.values import Account, PullSummary, Remark, Review, ReviewState, Status, StatusState
from plugins.triage import owners
from plugins.triage.filters import KEYS, WAITS, WORDS, Known, Me
from plugins.triage.lists import IN_CHANNEL, IN_PRIVATE, explained, line, listed, login_of, looked_up, span, untouched
from plugins.triage.query import ORDERS, Query, read, spelled
from plugins.triage.settings import RepoTriage, TriageSettings
from plugins.triage.waiting import Whom, waiting
from tests.plugins.triage_rig import NOW, REPO, made, owners_of, repository

WANTED = RepoTriage(approvals=2, required=("janky", "windows"))
KNOWN = Known(NOW, WANTED, Me(102, frozenset({"tianon", "moby/storage"})), owners_of)
LAX = Known(NOW, RepoTriage(), KNOWN.me, owners_of)
REPOS = {"moby": REPO, REPO: REPO, "docker/cli": "docker/cli"}
Oracle = Callable[[PullSummary], bool]


def repo_of(text: str) -> str:
    if text not in REPOS:
        raise UserError(f'no repository "{text}" here; there are: docker/cli, moby')
    return REPOS[text]


def query(text: str) -> Query:
    return read(text.split(), repo_of)


def numbers(text: str, found: list[PullSummary], known: Known = KNOWN) -> list[int]:
    return [one.pull.ref.number for one in query(text).chosen(found, known)]


def approvers(one: PullSummary) -> set[int]:
    """Say who has approved the head: the oracle's own count, by people."""
    approved = set()
    for review in one.reviews:
        is_other = review.author.number != one.pull.author_id and not review.author.login.endswith("[bot]")
        if is_other and review.sha == one.pull.head and review.state == "approved":
            approved.add(review.author.number)
    return approved


def has_object(one: PullSummary) -> bool:
    who = {each.author.number for each in one.reviews if each.state == "changes_requested"}
    return bool(who - {one.pull.author_id, 900})


def speakers(one: PullSummary) -> set[int]:
    return {each.author.number for each in one.reviews} | {each.author.number for each in one.remarks}


def states(one: PullSummary, *names: str) -> list[str]:
    return [str(each.state) for each in one.statuses if each.context in names]


def folders(one: PullSummary) -> set[str]:
    return {path.split("/")[0] for path in one.files if "/" in path}


def is_asked(one: PullSummary, *names: str) -> bool:
    return any(name.lower() in names for name in one.asked)


def idle_days(one: PullSummary) -> float:
    newest = one.pull.updated_at if one.pull.updated_at else one.created_at
    return (NOW - newest) / timedelta(days=1)


BOTH = ("janky", "windows")
# What each filter should let through, in other words than those of the program.
ORACLES: dict[str, Oracle] = {
    "new": lambda one: one.created_at > NOW - timedelta(hours=24),
    "stale": lambda one: idle_days(one) >= 14,
    "conflicts": lambda one: one.pull.mergeable not in (True, None),
    "draft": lambda one: one.pull.draft,
    "with-drafts": lambda one: True,
    "approved": lambda one: len(approvers(one)) >= 2,
    "approvals=0": lambda one: not approvers(one),
    "approvals=1": lambda one: len(approvers(one)) == 1,
    "approvals=1+": lambda one: bool(approvers(one)),
    "changes": has_object,
    "no-answer": lambda one: speakers(one) <= {one.pull.author_id, 900},
    "mine": lambda one: one.pull.author == "tianon",
    "author=me": lambda one: one.pull.author == "tianon",
    "author=jess": lambda one: one.pull.author_id == 103,
    "author=@JESS": lambda one: one.pull.author_id == 103,
    "author=bump[bot]": lambda one: one.pull.author_id == 900,
    "review=tianon": lambda one: one.pull.author_id != 102 and (is_asked(one, "tianon") or "daemon" in folders(one)),
    "review=me": lambda one: (
        one.pull.author_id != 102 and (is_asked(one, "tianon", "moby/storage") or "daemon" in folders(one))
    ),
    "review=moby/storage": lambda one: is_asked(one, "moby/storage") or "daemon" in folders(one),
    "waits=author": lambda one: waiting(one, WANTED).whom.value == "its author",
    "waits=review": lambda one: waiting(one, WANTED).whom.value == "a review",
    "waits=builds": lambda one: waiting(one, WANTED).whom.value == "builds",
    "dir=daemon/": lambda one: "daemon" in folders(one),
    "dir=/daemon": lambda one: "daemon" in folders(one),
    "dir=daemon/graph": lambda one: "daemon/graph/aufs.go" in one.files,
    "dir=daemon.go": lambda one: "daemon.go" in one.files,
    "dir=**/*.md": lambda one: "docs/index.md" in one.files,
    "ext=go": lambda one: any(path[-3:] == ".go" for path in one.files),
    "ext=.md": lambda one: "docs" in folders(one),
    "maintainer=jess": lambda one: "docs" in folders(one),
    "maintainer=me": lambda one: "daemon" in folders(one),
    "assigned": lambda one: len(one.assignees) > 0,
    "unassigned": lambda one: len(one.assignees) == 0,
    "assigned=jess": lambda one: "Jess" in one.assignees,
    "assigned=me": lambda one: "tianon" in one.assignees,
    "label=docs": lambda one: "Docs" in one.pull.labels,
    "label=dco/no": lambda one: "dco/no" in one.pull.labels,
    "not-label=docs": lambda one: "Docs" not in one.pull.labels,
    "base=release": lambda one: one.pull.base != "master",
    "red": lambda one: "failure" in states(one, *BOTH),
    "green": lambda one: states(one, *BOTH) == ["success", "success"],
    "bots": lambda one: one.pull.author_id == 900,
    "no-bots": lambda one: one.pull.author_id < 900,
}
LISTED = [repository(seed, 300) for seed in (1, 2, 3)]


def expected(found: list[PullSummary], *words: str) -> set[int]:
    """Ask the oracle: all filters must hold, and drafts are there only where a filter is about them."""
    drafts = not {"draft", "with-drafts"}.isdisjoint(words)
    chosen = set()
    for one in found:
        if all(ORACLES[word](one) for word in words) and (drafts or not one.pull.draft):
            chosen.add(one.pull.ref.number)
    return chosen


def test_each_filter_has_an_oracle() -> None:
    assert {word.partition("=")[0] for word in ORACLES} == {*WORDS, *KEYS}


@pytest.mark.parametrize("word", ORACLES)
def test_a_list_has_what_the_oracle_says(word: str) -> None:
    for found in LISTED:
        chosen = numbers(word, found)
        assert set(chosen) == expected(found, word)
        assert len(set(chosen)) == len(chosen)
        assert 0 < len(chosen) < len(found) or word == "with-drafts"


def test_several_filters_all_hold() -> None:
    """Each with each other, in either order; what contradicts gives none."""
    found = LISTED[0][:120]
    some = 0
    for pair in itertools.permutations(ORACLES, 2):
        wanted = expected(found, *pair)
        assert set(numbers(" ".join(pair), found)) == wanted, pair
        some += bool(wanted)
    assert some > 1000
    assert numbers("assigned unassigned", found) == []


@pytest.mark.parametrize(
    ("statuses", "green", "red"),
    [
        pytest.param([], False, False, id="nothing-told"),
        pytest.param(["success"], True, False, id="one-passed"),
        pytest.param(["success", "pending"], False, False, id="one-is-pending"),
        pytest.param(["success", "failure"], False, True, id="one-failed"),
        pytest.param(["pending", "error"], False, False, id="one-broke-and-has-to-be-built-again"),
    ],
)
def test_colours_are_of_all_contexts_where_none_is_required(statuses: list[str], green: bool, red: bool) -> None:
    one = made(statuses=tuple(Status(f"c{n}", StatusState(state)) for n, state in enumerate(statuses)))
    assert (numbers("green", [one], LAX), numbers("red", [one], LAX)) == ([1] * green, [1] * red)


def test_what_needs_no_approval_is_not_approved_by_nobody() -> None:
    assert numbers("approved", [made()], Known(NOW, RepoTriage(approvals=0))) == []


def age_s(one: PullSummary) -> float:
    return (NOW - one.created_at).total_seconds()


# By the words of the order, what falls, or stays equal, from one pull request to the next.
FALLING: dict[str, Callable[[PullSummary], float]] = {
    "age": age_s,
    "created": lambda one: -age_s(one),
    "activity": lambda one: -idle_days(one),
    "updated": idle_days,
    "votes": lambda one: one.votes,
    "popularity": lambda one: one.votes + one.remark_count,
    "long-running": age_s,
}


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_is_total(order: str) -> None:
    """However the forge lists them the order is one, and those that are equal stand by their numbers."""
    for found in LISTED:
        chosen = query(f"with-drafts sort={order}").chosen(found, KNOWN)
        key = FALLING[order]
        assert [one.pull.ref.number for one in chosen] == [
            one.pull.ref.number for one in sorted(chosen, key=lambda one: (-key(one), one.pull.ref.number))
        ]
        backwards = query(f"sort={order} reverse with-drafts").chosen(found, KNOWN)
        assert [one.pull.ref.number for one in backwards] == [
            one.pull.ref.number for one in sorted(chosen, key=lambda one: (key(one), one.pull.ref.number))
        ]
        mixed = random.Random(7).sample(found, len(found))
        assert query(f"with-drafts sort={order}").chosen(mixed, KNOWN) == chosen


def test_only_what_is_long_running_is_in_that_order() -> None:
    """Older than a month and touched within the last one, as GitHub's own order of that name has it."""
    for found in LISTED:
        wanted = {one.pull.ref.number for one in found if age_s(one) > 30 * 86400 and idle_days(one) <= 30}
        chosen = set(numbers("sort=long-running with-drafts", found))
        assert chosen == wanted
        assert 0 < len(chosen) < len(found)


ALL = "prs filters lists all"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        pytest.param("stael", f'no filter or repository "stael"; did you mean stale? {ALL}', id="word"),
        pytest.param("lable=bug", f'no filter "lable="; did you mean label=NAME? {ALL}', id="key"),
        pytest.param("STALE=2", f'no filter "STALE="; did you mean stale? {ALL}', id="a-word-with-a-value"),
        pytest.param("xyzzy", 'no filter or repository "xyzzy"; there are: new', id="nothing-near"),
        pytest.param("label=", "label= needs a value: label=NAME", id="no-value"),
        pytest.param("sort=vots", 'no order "sort=vots"; did you mean votes? prs filters lists all', id="order"),
        pytest.param("sort=zzz", 'no order "sort=zzz"; there are: age, ', id="no-order-near"),
        pytest.param("sort=drafts", 'no order "sort=drafts"; there are: age, ', id="what-is-near-is-no-order"),
        pytest.param("usr=jess", f'no filter "usr="; did you mean author=LOGIN|me? {ALL}', id="near-an-old-name"),
        pytest.param("approvals=two", 'approvals="two" is no number; say approvals=2', id="approvals"),
        pytest.param("waits=godot", 'waits="godot" is nothing; say one of author, review', id="waits"),
        pytest.param("author=a,b", '"a,b" is no login', id="login"),
        pytest.param("limit=0", 'limit="0" is no number from 1 to', id="limit"),
        pytest.param("limit=²", 'limit="²" is no number', id="limit-in-strange-digits"),
        pytest.param("dir=*\x00", "is no pattern of paths", id="pattern"),
        pytest.param("dir=[z-a]", "a pattern of paths is wrong: bad character range z-a", id="range-of-a-pattern"),
        pytest.param("moby/nope", 'no repository "moby/nope" here; there are: docker/cli, moby', id="repository"),
        pytest.param("repo=nope", 'no repository "nope" here; there are: docker/cli, moby', id="repository-by-key"),
        pytest.param("moby docker/cli", "that is moby/moby and docker/cli; ask for one of them", id="two-of-them"),
    ],
)
def test_a_mistake_is_told_with_what_is_right(typed: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        query(typed)
    assert said in str(caught.value)
    assert not ("did you mean" in said and "there are" in str(caught.value)), "who reads the hint needs no list"


@pytest.mark.parametrize("one", spelled())
def test_what_is_listed_may_be_typed(one: str) -> None:
    """Each value that is named as one of several, and examples for the others."""
    key, equals, value = one.partition("=")
    examples = {"LOGIN": "jess", "N": "2", "NAME": "bug", "BRANCH": "master", "REPOSITORY": "moby"}
    for each in value.split("|"):
        typed = f"{key}{equals}{examples.get(each, each).replace('N+', '2+')}"
        assert len(query(examples.get(typed, typed)).filters) == (key in WORDS or key in KEYS)


def test_old_names_of_filters_are_known() -> None:
    """Those of the command line tool `pulls` that are spelled otherwise here."""
    for old, new in (
        ("no-merge", "conflicts"),
        ("lgtm", "approved"),
        ("drafts", "draft"),
        ("user=jess", "author=jess"),
    ):
        assert [one.text for one in query(old).filters] == [new]


VOLUMES = made(
    1234,
    created_at=NOW - timedelta(days=22),
    updated_at=NOW - timedelta(days=5),
    committed_at=NOW - timedelta(days=5),
)


def card(text: str, found: list[PullSummary], *, at_most: int = IN_CHANNEL, is_home: bool = True) -> str:
    return listed(query(text), REPO, found, LAX, at_most=at_most, is_home=is_home).one_line()


def test_a_list_says_what_it_is_and_a_line_each() -> None:
    other = made(7, "Older", author="jess", created_at=NOW - timedelta(days=60), draft=True)
    assert card("label=bug", [VOLUMES, other]) == "none of 2 open pull requests of moby: label=bug, without drafts"
    assert card("", []) == "no open pull requests of moby"
    assert card("", [VOLUMES]) == (
        '1 open pull request of moby: oldest first; #1234 3w "Fix volumes" by tianon: waits for a review since 5d'
    )
    assert card("with-drafts sort=votes", [VOLUMES, other], is_home=False, at_most=1) == (
        '2 open pull requests of moby: with-drafts, most votes first; moby#7 8w "Older" by jess: a draft, '
        "waits for its author since 8w; and 1 more"
    )
    shown = card("unassigned", [VOLUMES, made(8), made(9, assignees=("jess",))], at_most=1)
    assert shown.startswith("2 of 3 open pull requests of moby: unassigned, oldest first; #1234 ")
    assert shown.endswith("; and 1 more")
    assert card("assigned reverse", [VOLUMES, VOLUMES]) == "none of 2 open pull requests of moby: assigned"
    assert card("unassigned reverse", [VOLUMES, other]).startswith(
        "1 of 2 open pull requests of moby: unassigned, without drafts, newest first; #1234 "
    )


def test_an_empty_list_is_nothing_to_tell_at_a_set_time() -> None:
    some, none = (listed(query(text), REPO, [VOLUMES], LAX, at_most=3, is_home=True) for text in ("", "label=nowhere"))
    assert (some.is_nothing, none.is_nothing) == (False, True)


@pytest.mark.parametrize(
    "title",
    [
        pytest.param("a\r\nQUIT :b", id="lines"),
        pytest.param("\x02bold\x03\x01ACTION", id="colours"),
        pytest.param('say "hello"; #99', id="quotation-marks"),
        pytest.param("\u202egnitirw\u202c\u200b", id="other-way"),
        pytest.param("wide \U0001f4a9" * 60, id="long"),
        pytest.param("", id="empty"),
    ],
)
def test_a_title_stays_within_its_line(title: str) -> None:
    said = line(made(5, title, author="ev il", labels=("\n",)), KNOWN, is_home=True)
    assert said.isprintable()
    assert said.count('"') == 4
    assert ' by "ev il": waits for ' in said
    assert len(said.encode()) < 200


def test_what_a_line_marks() -> None:
    bad = Status("janky", StatusState.FAILURE)
    said = line(made(mergeable=False, statuses=(bad,)), KNOWN, is_home=True)
    assert said == '#1 24h "Fix volumes" by tianon: waits for its author since 24h, conflicts, red'
    assert line(made(), Known(NOW, RepoTriage(approvals=0)), is_home=True).endswith(": ready to be merged since 24h")
    assert "conflicts" not in line(made(mergeable=None), KNOWN, is_home=True)


@pytest.mark.parametrize(
    "title", ["Fix", "Fix what a long title like this one is about, and some more of it", "\U0001f4a9" * 99]
)
@pytest.mark.parametrize("at_most", [IN_CHANNEL, IN_PRIVATE])
def test_a_list_says_how_many_more_there_are_where_room_is_small(title: str, at_most: int) -> None:
    """Three lines are what IRC says of one answer; there it has as many as fit, elsewhere all."""
    found = [made(number, title, author="somebody-with-a-name", mergeable=False) for number in range(1000, 1090)]
    told = listed(query("conflicts unassigned base=master"), REPO, found, LAX, at_most=at_most, is_home=True)
    assert len(told.lines) == at_most + 1
    assert told.lines[-1] == f"and {90 - at_most} more"
    said = messages(told.one_line(), 380, to="crosbymichael: ")
    shown = re.findall(r'#(\d+) 24h "', " ".join(said))
    assert len(said) <= 3
    assert said[-1].endswith(f"and {90 - len(shown)} more")
    assert len(shown) >= 6


def test_what_explains_fits_into_one_answer() -> None:
    with pytest.raises(UserError) as caught:
        query("xyzzy")
    for text in (explained(), str(caught.value)):
        assert len(messages(text, 380, to="crosbymichael: ")) <= 3
        assert "REPOSITORY" in messages(text, 380)[-1]


@pytest.mark.parametrize(
    ("time", "said"),
    [
        pytest.param(timedelta(seconds=-5), "0m", id="ahead"),
        pytest.param(timedelta(minutes=59, seconds=59), "59m", id="minutes"),
        pytest.param(timedelta(hours=1), "1h", id="hour"),
        pytest.param(timedelta(hours=47), "47h", id="hours"),
        pytest.param(timedelta(days=2), "2d", id="days"),
        pytest.param(timedelta(days=21), "3w", id="weeks"),
        pytest.param(timedelta(weeks=103), "103w", id="many-weeks"),
        pytest.param(timedelta(weeks=104), "1y", id="nearly-two-years"),
        pytest.param(timedelta(days=365 * 3), "3y", id="years"),
    ],
)
def test_a_span_is_short(time: timedelta, said: str) -> None:
    assert span(time) == said


def quiet(number: int, days: float, **given: object) -> PullSummary:
    updated = NOW - timedelta(days=days)
    return made(number, f"Change {number}", created_at=NOW - timedelta(days=400), updated_at=updated, **given)


def test_how_long_nobody_touched_them() -> None:
    """On average and in the middle, and the three longest, without drafts and bots."""
    found = [quiet(1, 30), quiet(2, 3), quiet(3, 3), quiet(4, 4), quiet(5, 10)]
    left_out = [quiet(6, 300, draft=True), quiet(7, 300, author="bump[bot]")]
    said = untouched(REPO, found + left_out, NOW)
    assert said.title == (
        "5 open pull requests of moby: last touched 10d ago on average, 4d in the middle, "
        "2 drafts and those of bots left out"
    )
    assert said.lines == (
        'longest ago: moby#1 4w "Change 1" by tianon',
        'moby#5 10d "Change 5" by tianon',
        'moby#4 4d "Change 4" by tianon',
    )
    assert untouched(REPO, [], NOW).is_nothing


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_how_long_nobody_touched_many(seed: int) -> None:
    found = repository(seed, 101)
    idle = sorted(idle_days(one) for one in found if not one.pull.draft and one.pull.author_id != 900)
    said = untouched(REPO, found, NOW)
    average = span(timedelta(days=sum(idle) / len(idle)))
    low, high = idle[(len(idle) - 1) // 2], idle[len(idle) // 2]
    middle = span(timedelta(days=(low + high) / 2))
    assert f"{len(idle)} open pull requests of moby: last touched {average} ago on average, {middle} in" in said.title


def at(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


@pytest.mark.parametrize(
    ("one", "login"),
    [
        pytest.param(made(author="new-name", author_id=102), "new-name", id="opened"),
        pytest.param(
            made(author_id=1, reviews=(Review(1, Account(102, "rev"), ReviewState.COMMENTED, "", at(1)),)),
            "rev",
            id="reviewed",
        ),
        pytest.param(made(author_id=1, remarks=(Remark(Account(102, "rem"), at(1)),)), "rem", id="commented"),
        pytest.param(made(author_id=1), "", id="never-there"),
    ],
)
def test_a_login_is_found_by_the_number_of_the_account(one: PullSummary, login: str) -> None:
    assert login_of(102, [made(author_id=7), one]) == login


@pytest.mark.parametrize(
    ("table", "said"),
    [
        pytest.param({"approvals": -1}, "approvals must be 0 to 20, is -1", id="approvals"),
        pytest.param({"stale_days": 0}, "stale_days must be more than 0", id="stale"),
        pytest.param({"new_hours": 9000}, "at most 8760, is 9000", id="new"),
    ],
)
def test_limits_of_the_settings(table: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RepoTriage(**table)  # type: ignore[arg-type]


def test_a_team_is_written_with_its_owner() -> None:
    with pytest.raises(ValueError, match=r'members_of has "storage"; a team is written OWNER/TEAM'):
        TriageSettings(members_of=("moby/storage", "storage"))


def test_who_is_waited_for_can_be_asked_for() -> None:
    assert all(query(f"waits={key}") for key in ("author", "review", "builds", "hold", "github", "merge"))
    assert {*WAITS.values()} == {*Whom}


async def test_others_have_their_turns_while_it_is_found_out_who_owns_what_a_thousand_change() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    known = owners.read({"CODEOWNERS": "*.go @x\n"})
    task = asyncio.create_task(others())
    await looked_up(known, [made(number, files=(f"{number}.go",)) for number in range(1000)])
    task.cancel()
    assert turns >= 1000
    assert known.of("999.go") == ("x",)
