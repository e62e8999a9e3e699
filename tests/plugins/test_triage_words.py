"""What the card of a pull request says of its files, owners and builds, and who is suggested as a reviewer."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.facts import Diagnosis, Fact, FailureClass, Kind
from bot.values import (
    Account,
    BuildRef,
    JobRef,
    PullSummary,
    Result,
    Review,
    ReviewState,
    Stage,
    Standing,
    Status,
    StatusState,
)
from plugins.triage import lists, owners, reviewers, words
from plugins.triage.filters import Known
from plugins.triage.settings import RepoTriage
from tests.plugins.triage_rig import AUTHOR, HEAD, JESS, PULL, VIEUX

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
JOB = JobRef("ci", "docker-prs")
KNOWN = owners.read(
    {
        "CODEOWNERS": "/daemon/ @Jess @moby/storage\n/docs/ @newcomer\n/hack/ @vieux @newcomer\n"
        "/vendor/\n/team/ @moby/core\n/two/ @jess @vieux\n"
    }
)


def view(*files: str, approved: Sequence[Account] = (), **changes: Any) -> words.View:
    """Make what is known of a pull request."""
    of_summary = {key: changes.pop(key) for key in ("asked", "statuses", "file_count") if key in changes}
    reviews = tuple(Review(n, who, ReviewState.APPROVED, HEAD, NOW) for n, who in enumerate(approved))
    summary = PullSummary(PULL, NOW - timedelta(days=3), reviews=reviews, files=files, **of_summary)
    return words.View(summary, RepoTriage(), NOW, owners=KNOWN, **changes)


def in_storage(account: int, team: str) -> bool | None:
    return account == JESS.number and team == "moby/storage"


def jess_is_in(account: int, team: str) -> bool | None:
    return True if account == JESS.number else None


@pytest.mark.parametrize(
    ("given", "lacking"),
    [
        pytest.param(view("daemon/a"), ["Jess", "moby/storage"], id="all-owners"),
        pytest.param(view("daemon/a", approved=[JESS]), [], id="one-of-them-is-enough"),
        pytest.param(view("two/a", "hack/b", "hack/c"), ["vieux", "jess"], id="those-of-most-files-first"),
        pytest.param(view("docs/a", "hack/b"), ["vieux"], id="not-its-author"),
        pytest.param(view("vendor/a", "LICENSE"), [], id="nobody's-files"),
        pytest.param(view("daemon/a", approved=[VIEUX]), [], id="a-team-that-is-not-asked-any-more-may-have-reviewed"),
        pytest.param(
            view("daemon/a", approved=[VIEUX], asked=("Moby/Storage",)),
            ["Jess", "moby/storage"],
            id="one-that-is-has-not",
        ),
        pytest.param(
            view("daemon/a", approved=[VIEUX], is_in_team=in_storage), ["Jess", "moby/storage"], id="nobody-of-the-team"
        ),
        pytest.param(
            view("daemon/a", approved=[JESS], asked=("moby/storage",), is_in_team=in_storage), [], id="one-of-the-team"
        ),
        pytest.param(
            view("team/a", approved=[JESS, VIEUX], asked=("moby/core",), is_in_team=jess_is_in),
            [],
            id="one-of-the-team,-and-one-of-whom-nobody-knows",
        ),
    ],
)
def test_owners_who_have_not_approved_are_named(given: words.View, lacking: list[str]) -> None:
    assert words.owners_lacking(given) == lacking


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param(view(), "", id="none-are-known"),
        pytest.param(view("LICENSE"), "1 file: LICENSE", id="one"),
        pytest.param(view("a/x", "b/x", "b/y", "README"), "4 files: b/ (2), README, a/ (1)", id="by-folders"),
        pytest.param(view(*(f"{n}/x" for n in range(5))), "5 files: 0/ (1), 1/ (1), 2/ (1) and 2 more", id="a-few"),
        pytest.param(view("a/x", file_count=300), "300 files of which 1 were looked at: a/ (1)", id="not-all-listed"),
        pytest.param(
            view("daemon/x"), "1 file: daemon/ (1); owned by Jess, moby/storage, who did not approve", id="owned"
        ),
    ],
)
def test_files_are_told_by_folders(given: words.View, told: str) -> None:
    assert words.files(given) == told


def standing(context: str, stage: Stage = Stage.ENDED, result: Result | None = None, number: int = 5) -> Standing:
    started = NOW - timedelta(hours=3)
    return Standing(context, JOB, stage, result, number=number, started_at=started)


def flaky(context: str, number: int = 5) -> Fact:
    found = Diagnosis(Kind.KNOWN_INFRA, FailureClass.DOCKER_DAEMON, "dm-init-rootfs", confidence=0.9)
    return Fact(1, "r", BuildRef(JOB, number), "", context, Result.FAILURE, found)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param(view(), [], id="nothing-is-built"),
        pytest.param(
            view(
                builds=[
                    standing("lxc", result=Result.SUCCESS),
                    standing("janky", result=Result.FAILURE),
                    standing("win", Stage.RUNNING),
                    standing("exp", Stage.QUEUED),
                    standing("arm", Stage.NEVER),
                ],
                facts={"janky": flaky("janky")},
                retries={"janky": "dm-init-rootfs, 2 of 3"},
            ),
            [
                "builds: janky #5 failed: known Docker trouble, is tried again (dm-init-rootfs, 2 of 3); "
                "exp waits for 3h; win runs for 3h; passed: lxc; never built: arm"
            ],
            id="of-each-kind",
        ),
        pytest.param(
            view(builds=[standing("janky", result=Result.FAILURE, number=6)], facts={"janky": flaky("janky")}),
            ["builds: janky #6 failed"],
            id="why-another-build-failed-is-no-matter",
        ),
        pytest.param(
            view(
                builds=[standing("a", result=Result.UNSTABLE), standing("b", result=Result.ABORTED), standing("c")],
                others=[
                    Status("travis", StatusState.ERROR),
                    Status("cla", StatusState.PENDING),
                    Status("dco", StatusState.SUCCESS),
                    Status("docker/dco-signed", StatusState.ERROR, "it has more than 250 commits"),
                    Status("docker/mergeable", StatusState.FAILURE, "conflicts with master"),
                ],
            ),
            ["builds: a #5 is unstable; b #5 was not finished; c #5 ended; travis failed; pending: cla; passed: dco"],
            id="ends-that-are-no-failures,-and-what-others-told",
        ),
        pytest.param(
            view(builds=[standing(f"ctx-{n}", result=Result.FAILURE) for n in range(9)]),
            [f"builds: {'; '.join(f'ctx-{n} #5 failed' for n in range(6))}; 3 more"],
            id="of-many-a-few",
        ),
    ],
)
def test_builds_are_told_those_that_failed_first(given: words.View, told: list[str]) -> None:
    assert words.builds(given) == told


def test_a_conflict_is_told_with_the_merge_that_made_it() -> None:
    status = Status("docker/mergeable", StatusState.FAILURE, "conflicts with master since the merge of #3")
    summary = view(statuses=(status,)).summary
    told = words.View(replace_pull(summary, mergeable=False), RepoTriage(), NOW)
    assert words.facts(told) == ["conflicts with master since the merge of #3"]
    assert words.facts(view(statuses=(status,))) == []


def replace_pull(summary: PullSummary, **changes: Any) -> PullSummary:
    return replace(summary, pull=replace(summary.pull, **changes))


@pytest.mark.parametrize(
    ("authors", "suggested"),
    [
        pytest.param([], ["Jess", "moby/storage"], id="owners"),
        pytest.param([VIEUX, AUTHOR, VIEUX], ["Jess", "moby/storage", "vieux"], id="then-who-has-written-there"),
        pytest.param(
            [Account(1, "aa"), VIEUX, VIEUX], ["Jess", "moby/storage", "vieux", "aa"], id="of-whom-is-most-first"
        ),
        pytest.param([Account(103, "jess")], ["Jess", "moby/storage"], id="who-is-both-is-one"),
        pytest.param([Account(104, "renamed")], ["Jess", "moby/storage"], id="not-the-author-by-an-older-name"),
        pytest.param(
            [Account(0, "ghost"), Account(9, "ci", is_bot=True), Account(8, "app[bot]")],
            ["Jess", "moby/storage"],
            id="nor-who-is-gone,-or-a-bot",
        ),
    ],
)
def test_reviewers_are_owners_first(authors: list[Account], suggested: list[str]) -> None:
    summary = view("daemon/a").summary
    found = reviewers.suggested(summary, KNOWN, {"daemon/a": authors})
    assert [one.login for one in found] == suggested


def test_a_secret_in_a_title_is_told_nowhere() -> None:
    """A26: on no card, and in no list."""
    open_one = replace_pull(view("a.go").summary, title="Use password=hunter2secret")
    over = replace_pull(open_one, is_open=False)
    known = Known(NOW, RepoTriage())
    told = [
        words.card(replace(view(), summary=open_one)).one_line(),
        words.ended(replace(view(), summary=over)).one_line(),
        reviewers.told(open_one, [], 0).one_line(),
        lists.line(open_one, known, is_home=True),
        lists.untouched("moby/moby", [open_one], NOW).one_line(),
    ]
    assert [one for one in told if "hunter2secret" in one or "[secret]" not in one] == []


def test_a_name_that_a_shell_would_take_for_more_is_not_in_the_words_to_copy() -> None:
    found = [reviewers.Suggestion("$(reboot)", ("a",)), reviewers.Suggestion("jess", ("a",))]
    card = reviewers.told(view("a").summary, found, 0)
    assert "to ask: gh pr edit 7 --repo moby/moby --add-reviewer jess" in card.lines


def test_however_long_names_are_all_of_it_is_a_few_lines_of_irc() -> None:
    long = [f"{n}/{'x' * 200}/y" for n in range(50)]
    named = tuple(f"team/{'x' * 90}{n}" for n in range(9))
    statuses = tuple(Status(f"{'c' * 200}{n}", StatusState.FAILURE) for n in range(30))
    known = owners.read({"CODEOWNERS": f"* {' '.join(f'@{each}' for each in named)}\n"})
    given = replace(view(*long, asked=named, statuses=statuses, others=statuses), owners=known)
    found = [reviewers.Suggestion(each, tuple(long), 3) for each in named]
    for card in (words.card(given), words.ended(given), reviewers.told(given.summary, found, 9)):
        assert len(card.one_line().encode()) <= lists.MAX_BRIEF_BYTES
        assert card.one_line().endswith(f" {PULL.url}")
