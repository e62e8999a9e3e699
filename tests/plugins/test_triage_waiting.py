"""For whom pull requests wait, since when, and why they are not merged."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.values import (
    Account,
    PullSummary,
    Remark,
    Review,
    ReviewState,
    Status,
    StatusState,
)
from plugins.triage.settings import RepoTriage
from plugins.triage.waiting import Whom, approvals, stale, waiting
from tests.plugins.triage_rig import AUTHOR, HEAD, JESS, PULL, VIEUX

OLD = "b" * 40
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
WANTED = RepoTriage(approvals=2)
ONE = RepoTriage()
REQUIRED = RepoTriage(approvals=0, required=("docker/janky", "docker/lxc"))
BOT, GHOST = Account(1, "gordon-bot[bot]", is_bot=True), Account(0, "ghost")


def day(number: float) -> datetime:
    return BEGAN + timedelta(days=number)


def summary(*reviews: Review, at: float = 0, **changes: Any) -> PullSummary:
    """Make a pull request whose head was committed on a day."""
    of_pull = {
        key: changes.pop(key) for key in ("draft", "mergeable", "labels", "author_id", "author") if key in changes
    }
    pull = replace(PULL, updated_at=day(100), **of_pull)
    return PullSummary(pull, BEGAN, reviews=reviews, committed_at=day(at), **changes)


def approves(who: Account, sha: str = HEAD, at: float = 1) -> Review:
    return Review(int(at * 100), who, ReviewState.APPROVED, sha, day(at))


def objects(who: Account, sha: str = HEAD, at: float = 1) -> Review:
    return Review(int(at * 100), who, ReviewState.CHANGES_REQUESTED, sha, day(at))


def remarks(who: Account, at: float = 1) -> Review:
    return Review(int(at * 100), who, ReviewState.COMMENTED, HEAD, day(at))


def dismissed(who: Account, at: float = 1) -> Review:
    return Review(int(at * 100), who, ReviewState.DISMISSED, HEAD, day(at))


def told(context: str, state: StatusState) -> Status:
    return Status(context, state)


GREEN = (told("docker/janky", StatusState.SUCCESS), told("docker/lxc", StatusState.SUCCESS))
APPROVED = (approves(JESS), approves(VIEUX))
UNKNOWN = "GitHub does not know yet whether it conflicts with master"


@pytest.mark.parametrize(
    ("given_", "wanted", "whom", "reasons"),
    [
        pytest.param(summary(*APPROVED, statuses=GREEN), WANTED, Whom.MERGER, [], id="ready"),
        pytest.param(summary(*APPROVED), WANTED, Whom.MERGER, [], id="ready-where-nothing-is-built"),
        pytest.param(
            summary(*APPROVED, draft=True), WANTED, Whom.AUTHOR, ["it is a draft"], id="a-draft-is-its-author's"
        ),
        pytest.param(
            summary(*APPROVED, mergeable=False), WANTED, Whom.AUTHOR, ["it conflicts with master"], id="conflicts"
        ),
        pytest.param(
            summary(*APPROVED, mergeable=None),
            WANTED,
            Whom.FORGE,
            [UNKNOWN],
            id="what-is-not-known-is-no-conflict-and-not-ready",
        ),
        pytest.param(
            summary(*APPROVED[:1], asked=("jess",), mergeable=None),
            RepoTriage(approvals=2),
            Whom.REVIEWERS,
            ["it has 1 of 2 approvals", UNKNOWN],
            id="that-it-is-not-known-leaves-it-the-turn-of-reviewers",
        ),
        pytest.param(
            summary(*APPROVED, mergeable=None, statuses=(told("docker/lxc", StatusState.PENDING),)),
            WANTED,
            Whom.CI,
            ["docker/lxc is pending", UNKNOWN],
            id="and-of-builds",
        ),
        pytest.param(
            summary(objects(JESS), approves(VIEUX)),
            ONE,
            Whom.AUTHOR,
            ["jess wants changes"],
            id="one-who-wants-changes-outweighs-approvals",
        ),
        pytest.param(
            summary(objects(JESS), objects(VIEUX, at=2)),
            RepoTriage(approvals=0),
            Whom.AUTHOR,
            ["jess, vieux want changes"],
            id="two-who-want-changes",
        ),
        pytest.param(
            summary(objects(JESS, OLD), approves(VIEUX)),
            ONE,
            Whom.REVIEWERS,
            ["jess wanted changes and has not looked again"],
            id="an-objection-outlasts-a-push,-and-then-it-is-the-reviewer's-turn",
        ),
        pytest.param(
            summary(objects(JESS), approves(VIEUX), asked=("Jess",)),
            ONE,
            Whom.REVIEWERS,
            ["jess wanted changes and has not looked again"],
            id="who-is-asked-again-has-to-look",
        ),
        pytest.param(
            summary(objects(JESS), approves(JESS, at=2)), ONE, Whom.MERGER, [], id="who-thinks-better-approves"
        ),
        pytest.param(
            summary(approves(JESS), remarks(JESS, at=2)), ONE, Whom.MERGER, [], id="a-remark-takes-no-approval-back"
        ),
        pytest.param(
            summary(objects(JESS), dismissed(JESS, at=2)),
            RepoTriage(approvals=0),
            Whom.MERGER,
            [],
            id="a-dismissed-objection-is-none",
        ),
        pytest.param(
            summary(approves(JESS, OLD)),
            ONE,
            Whom.REVIEWERS,
            ["it has 0 of 1 approval, jess approved an older commit"],
            id="an-approval-is-of-one-commit",
        ),
        pytest.param(
            summary(approves(JESS)),
            WANTED,
            Whom.REVIEWERS,
            ["it has 1 of 2 approvals"],
            id="one-of-two",
        ),
        pytest.param(
            summary(),
            ONE,
            Whom.REVIEWERS,
            ["it has 0 of 1 approval, nobody is asked for one"],
            id="nobody-was-asked",
        ),
        pytest.param(
            summary(asked=("moby/core",)), ONE, Whom.REVIEWERS, ["it has 0 of 1 approval"], id="a-team-was-asked"
        ),
        pytest.param(
            summary(approves(AUTHOR), approves(BOT), asked=("jess",)),
            ONE,
            Whom.REVIEWERS,
            ["it has 0 of 1 approval"],
            id="neither-its-author-nor-a-bot-approves",
        ),
        pytest.param(
            summary(approves(Account(104, "renamed")), asked=("jess",)),
            ONE,
            Whom.REVIEWERS,
            ["it has 0 of 1 approval"],
            id="the-author-by-another-name-does-not-either",
        ),
        pytest.param(
            summary(approves(GHOST), author="ghost", author_id=0, asked=("jess",)),
            ONE,
            Whom.REVIEWERS,
            ["it has 0 of 1 approval"],
            id="who-is-gone-may-be-its-author",
        ),
        pytest.param(
            summary(approves(JESS), statuses=(told("docker/janky", StatusState.FAILURE),)),
            ONE,
            Whom.AUTHOR,
            ["docker/janky failed"],
            id="a-red-build-is-the-author's",
        ),
        pytest.param(
            summary(approves(JESS), statuses=(told("docker/janky", StatusState.PENDING), GREEN[1])),
            ONE,
            Whom.CI,
            ["docker/janky is pending"],
            id="a-build-that-runs",
        ),
        pytest.param(
            summary(statuses=(GREEN[0], told("travis", StatusState.ERROR))),
            REQUIRED,
            Whom.CI,
            ["nothing is told of docker/lxc"],
            id="of-required-contexts-all-must-be-told,-and-no-others-count",
        ),
        pytest.param(
            summary(approves(JESS), statuses=(*GREEN, told("dco-check", StatusState.FAILURE))),
            ONE,
            Whom.AUTHOR,
            ["commits lack a sign-off"],
            id="a-sign-off-is-missing",
        ),
        pytest.param(
            summary(statuses=(*GREEN, told("docker/dco", StatusState.FAILURE))),
            REQUIRED,
            Whom.AUTHOR,
            ["commits lack a sign-off"],
            id="which-counts-though-it-is-not-named",
        ),
        pytest.param(
            summary(approves(JESS), statuses=(told("docker/dco", StatusState.ERROR),)),
            ONE,
            Whom.AUTHOR,
            ["docker/dco is an error"],
            id="which-an-error-does-not-tell",
        ),
        pytest.param(
            summary(
                approves(JESS),
                mergeable=False,
                statuses=(
                    Status("docker/mergeable", StatusState.FAILURE, "conflicts with master since the push of abc"),
                ),
            ),
            ONE,
            Whom.AUTHOR,
            ["it conflicts with master"],
            id="a-conflict-is-said-once",
        ),
        pytest.param(
            summary(approves(JESS), labels=("dco/no",)),
            ONE,
            Whom.AUTHOR,
            ["commits lack a sign-off"],
            id="as-a-label-says",
        ),
        pytest.param(
            summary(approves(JESS), labels=("dco/no",), statuses=(told("dco", StatusState.SUCCESS),)),
            ONE,
            Whom.MERGER,
            [],
            id="unless-the-status-knows-better",
        ),
        pytest.param(
            summary(approves(JESS), labels=("Do-Not-Merge", "area/docs")),
            ONE,
            Whom.HOLDER,
            ["it is held by the label Do-Not-Merge"],
            id="a-label-that-holds",
        ),
        pytest.param(
            summary(
                objects(VIEUX, OLD),
                draft=True,
                mergeable=False,
                labels=("wip",),
                statuses=(told("docker/janky", StatusState.ERROR), told("docker/lxc", StatusState.PENDING)),
            ),
            WANTED,
            Whom.AUTHOR,
            [
                "it is a draft",
                "it conflicts with master",
                "docker/janky has to be built again",
                "docker/lxc is pending",
                "vieux wanted changes and has not looked again",
                "it has 0 of 2 approvals",
                "it is held by the label wip",
            ],
            id="all-at-once,-the-author's-part-first",
        ),
        pytest.param(
            summary(approves(JESS), statuses=tuple(told(f"ci/{n}", StatusState.FAILURE) for n in range(8))),
            ONE,
            Whom.AUTHOR,
            ["ci/0, ci/1, ci/2, ci/3, ci/4 and 3 more failed"],
            id="of-many-a-few-are-named",
        ),
        pytest.param(
            summary(approves(JESS), statuses=(told("ci\n/gordon: hi", StatusState.FAILURE),)),
            ONE,
            Whom.AUTHOR,
            ['"ci /gordon: hi" failed'],
            id="what-others-named-is-quoted",
        ),
    ],
)
def test_it_waits_for_whoever_has_to_act_first(
    given_: PullSummary, wanted: RepoTriage, whom: Whom, reasons: list[str]
) -> None:
    found = waiting(given_, wanted)
    assert (found.whom, [*found.reasons]) == (whom, reasons)


@pytest.mark.parametrize(
    ("given_", "since"),
    [
        pytest.param(summary(), 0, id="a-review-since-it-was-opened"),
        pytest.param(summary(at=3), 3, id="or-pushed-to"),
        pytest.param(
            summary(at=3, remarks=(Remark(AUTHOR, day(5)), Remark(JESS, day(4)))), 5, id="or-its-author-asked"
        ),
        pytest.param(summary(at=-30), 0, id="a-commit-from-before-it-was-opened-is-no-push-since"),
        pytest.param(summary(at=900), 100, id="a-clock-that-is-wrong-is-not-believed-beyond-the-last-change"),
        pytest.param(summary(objects(JESS, at=4), at=3), 4, id="the-author-since-changes-were-wanted"),
        pytest.param(
            summary(objects(JESS, at=4), remarks=(Remark(VIEUX, day(6)), Remark(AUTHOR, day(7)), Remark(BOT, day(8)))),
            6,
            id="or-somebody-else-said-something",
        ),
        pytest.param(summary(mergeable=False, at=3, remarks=(Remark(JESS, day(1)),)), 3, id="or-since-the-last-push"),
        pytest.param(
            summary(statuses=(told("x", StatusState.PENDING),), at=2, remarks=(Remark(AUTHOR, day(5)),)),
            2,
            id="builds-since-the-push",
        ),
        pytest.param(summary(approves(JESS, at=9), at=2), 9, id="being-merged-since-the-last-approval"),
    ],
)
def test_it_waits_since_the_others_did_their_part(given_: PullSummary, since: float) -> None:
    assert waiting(given_, ONE).since == day(since)


PEOPLE = st.sampled_from([AUTHOR, JESS, VIEUX, BOT, GHOST])
REVIEWS = st.builds(
    Review,
    st.integers(1, 9),
    PEOPLE,
    st.sampled_from(ReviewState),
    st.sampled_from([HEAD, OLD, ""]),
    st.integers(0, 50).map(day),
)
SUMMARIES = st.builds(
    lambda reviews, **changes: summary(*reviews, **changes),
    st.lists(REVIEWS, max_size=6),
    at=st.integers(-10, 200),
    draft=st.booleans(),
    mergeable=st.sampled_from([True, False, None]),
    labels=st.lists(st.sampled_from(["wip", "area/docs", "dco/no"]), unique=True).map(tuple),
    statuses=st.lists(
        st.builds(Status, st.sampled_from(["docker/janky", "docker/lxc", "dco"]), st.sampled_from(StatusState)),
        unique_by=lambda one: one.context,
    ).map(tuple),
    asked=st.lists(st.sampled_from(["jess", "moby/core"]), unique=True).map(tuple),
)


@given(SUMMARIES, st.sampled_from([ONE, WANTED, REQUIRED]))
def test_nothing_keeps_it_if_and_only_if_it_waits_for_being_merged(one: PullSummary, wanted: RepoTriage) -> None:
    found = waiting(one, wanted)
    assert (found.whom is Whom.MERGER) == (not found.reasons)
    assert one.created_at <= found.since <= day(100)
    have = approvals(one)
    assert "newcomer" not in have
    assert len(set(have)) == len(have)
    assert set(have).isdisjoint(stale(one))
    if found.whom is Whom.MERGER:
        assert len(have) >= wanted.approvals
        assert one.pull.mergeable
        assert not one.pull.draft
        assert {status.state for status in one.statuses if status.context in (wanted.required or {status.context})} <= {
            StatusState.SUCCESS
        }
