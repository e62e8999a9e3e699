"""Statuses that are of no build: what they make of a pull request in lists, and what is said of them."""

import pytest

from bot.values import Status, StatusState
from bot.wording import quoted
from plugins.triage.filters import Known, is_green, is_red
from plugins.triage.lists import line
from plugins.triage.settings import RepoTriage
from plugins.triage.waiting import Whom, waiting
from tests.plugins.triage_rig import NOW, made

LACKING = Status("docker/dco-signed", StatusState.FAILURE, "1 of 2 commits lacks a sign-off")
UNREADABLE = Status("docker/dco-signed", StatusState.ERROR, "cannot tell: it has more than 250 commits")
CONFLICTING = Status("docker/mergeable", StatusState.FAILURE, "conflicts with master since the merge of #2")
RED = Status("janky", StatusState.FAILURE, "failed after 4m")
PENDING = Status("dco", StatusState.PENDING)
BROKEN = Status("janky", StatusState.ERROR)
PASSED = Status("unit", StatusState.SUCCESS)
ALL = RepoTriage(approvals=0)
NAMED = RepoTriage(approvals=0, required=("docker/dco-signed", "docker/mergeable", "janky", "unit"))
UNNAMED = RepoTriage(approvals=0, required=("unit",))


@pytest.mark.parametrize("wanted", [pytest.param(ALL, id="all-count"), pytest.param(NAMED, id="these-are-named")])
@pytest.mark.parametrize("mergeable", [True, False, None])
@pytest.mark.parametrize(
    ("statuses", "red"),
    [
        pytest.param([LACKING], False, id="a-sign-off-is-missing"),
        pytest.param([UNREADABLE], False, id="sign-offs-cannot-be-read"),
        pytest.param([CONFLICTING], False, id="it-conflicts"),
        pytest.param([BROKEN], False, id="a-build-has-to-be-built-again"),
        pytest.param([CONFLICTING, LACKING, RED], True, id="and-a-build-failed"),
    ],
)
def test_red_is_what_a_build_made_so(
    statuses: list[Status], red: bool, mergeable: bool | None, wanted: RepoTriage
) -> None:
    """Green is none of these, as not all have passed."""
    one = made(statuses=(PASSED, *statuses), mergeable=mergeable)
    assert (is_red(one, wanted), is_green(one, wanted)) == (red, False)
    assert line(one, Known(NOW, wanted), is_home=True).endswith(", red") is red
    assert any(reason.endswith(" failed") for reason in waiting(one, wanted).reasons) is red


@pytest.mark.parametrize(
    ("statuses", "mergeable", "wanted", "whom", "reasons"),
    [
        pytest.param(
            [UNREADABLE, BROKEN],
            True,
            ALL,
            Whom.AUTHOR,
            [
                'docker/dco-signed says "cannot tell: it has more than 250 commits"',
                "janky has to be built again",
            ],
            id="an-error-that-no-build-cures",
        ),
        pytest.param([PASSED, UNREADABLE], True, UNNAMED, Whom.MERGER, [], id="it-counts-only-where-it-is-named"),
        pytest.param(
            [CONFLICTING],
            None,
            ALL,
            Whom.AUTHOR,
            [
                'docker/mergeable says "conflicts with master since the merge of #2"',
                "GitHub does not know yet whether it conflicts with master",
            ],
            id="a-conflict-of-which-GitHub-does-not-know-yet",
        ),
        pytest.param(
            [CONFLICTING], False, ALL, Whom.AUTHOR, ["it conflicts with master"], id="a-conflict-that-it-knows"
        ),
        pytest.param(
            [CONFLICTING, LACKING],
            False,
            NAMED,
            Whom.AUTHOR,
            ["it conflicts with master", "commits lack a sign-off", "nothing is told of janky, unit"],
            id="nothing-is-said-twice",
        ),
        pytest.param(
            [PENDING, LACKING],
            True,
            ALL,
            Whom.AUTHOR,
            ["commits lack a sign-off"],
            id="what-is-lacking-is-known-whatever-is-pending",
        ),
        pytest.param(
            [RED, Status("api", StatusState.FAILURE)],
            True,
            ALL,
            Whom.AUTHOR,
            ["api, janky failed"],
            id="several-are-told-by-name",
        ),
        pytest.param(
            [Status("dco", StatusState.ERROR, "x" * 300)],
            True,
            ALL,
            Whom.AUTHOR,
            [f"dco says {quoted('x' * 300, 140)}"],
            id="long-words-are-cut",
        ),
    ],
)
def test_what_no_build_cures_is_told_in_its_own_words(
    statuses: list[Status], mergeable: bool | None, wanted: RepoTriage, whom: Whom, reasons: list[str]
) -> None:
    found = waiting(made(statuses=tuple(statuses), mergeable=mergeable), wanted)
    assert (found.whom, list(found.reasons)) == (whom, reasons)
