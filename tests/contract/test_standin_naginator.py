"""What Naginator repeats by itself in the Jenkins stand-in, held to the source of the plugin."""

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bot.demo.jenkins.auto_retry import AutoRetry
from bot.demo.jenkins.ledger import RetryAccepted
from bot.demo.jenkins.model import Outcome, Plan, Starting, StringParameter
from tests.contract.item_rig import ItemRig, an_item_rig, causes, values

MARK = StringParameter("GORDON_REQUEST_ID")
FLAKE = "device or resource busy"
LOG = f"Error mounting '/dev/mapper/docker-8:1': {FLAKE}\nmake: *** [test] Error 1\n"


@pytest.fixture
async def rig() -> AsyncIterator[ItemRig]:
    async with an_item_rig(executors=8) as rig:
        yield rig


def retried(rig: ItemRig) -> list[tuple[int, int]]:
    """List which build was repeated, and which retry in a row that is."""
    return [(each.number, each.count) for each in rig.server.ledger.retries]


@pytest.mark.parametrize(
    ("plan", "how", "is_repeated"),
    [
        pytest.param(Plan("FAILURE"), AutoRetry(), True, id="no-expression-is-always"),
        pytest.param(Plan("FAILURE", log=LOG), AutoRetry(regexp="resource b.sy"), True, id="found-in-a-line"),
        pytest.param(Plan("FAILURE", log=LOG), AutoRetry(regexp="no space left"), False, id="not-found"),
        pytest.param(Plan("FAILURE", log=LOG), AutoRetry(regexp="busy.make"), False, id="no-line-ends"),
        pytest.param(Plan("FAILURE", log=LOG), AutoRetry(regexp=r"(?s)busy.*Error 1"), False, id="line-by-line"),
        pytest.param(Plan("NOT_BUILT"), AutoRetry(), True, id="not-built"),
        pytest.param(Plan("SUCCESS", log=LOG), AutoRetry(regexp=FLAKE), False, id="success"),
        pytest.param(Plan("ABORTED", log=LOG), AutoRetry(regexp=FLAKE), False, id="aborted"),
        pytest.param(Plan("UNSTABLE", log=LOG), AutoRetry(regexp=FLAKE), False, id="unstable"),
        pytest.param(Plan("UNSTABLE"), AutoRetry(unstable_too=True), True, id="unstable-by-choice"),
    ],
)
async def test_which_builds_are_repeated(rig: ItemRig, plan: Plan, how: AutoRetry, is_repeated: bool) -> None:
    rig.server.add_job("pr", outcome=(plan, "SUCCESS"))
    rig.server.items.retry_failed(rig.server.job("pr"), how)
    await rig.post("/job/pr/build")
    await rig.wait_s(3)
    assert retried(rig) == ([(1, 1)] if is_repeated else [])
    assert len(rig.server.ledger.builds) == (2 if is_repeated else 1)


async def test_a_log_that_cannot_be_read_is_a_reason_to_repeat(rig: ItemRig) -> None:
    rig.server.add_job("pr", outcome=("FAILURE", "SUCCESS"))
    rig.server.items.retry_failed(rig.server.job("pr"), AutoRetry(regexp="never"))
    await rig.post("/job/pr/build")
    rig.server.job("pr").builds[1].log_lost = True
    await rig.wait_s(1)
    assert retried(rig) == [(1, 1)]


@pytest.mark.parametrize(
    ("how", "waits_s"),
    [
        pytest.param(AutoRetry(7, delay_s=60), [60] * 7, id="fixed"),
        pytest.param(AutoRetry(7, increment_s=5, longest_s=90), [5, 15, 30, 50, 75, 90, 90], id="progressive"),
        pytest.param(AutoRetry(7, increment_s=5), [5, 15, 30, 50, 75, 105, 140], id="without-limit"),
    ],
)
async def test_the_delay_after_each_retry(rig: ItemRig, how: AutoRetry, waits_s: list[int]) -> None:
    rig.server.add_job("pr", outcome=("FAILURE",), duration_s=1)
    rig.server.items.retry_failed(rig.server.job("pr"), how)
    await rig.post("/job/pr/build")
    await rig.wait_s(1000)
    begun = [build.started_s for build in rig.server.job("pr").builds.values()]
    assert [after - before - 1 for before, after in itertools.pairwise(begun)] == waits_s


async def test_a_delay_is_waited_out_in_the_queue_where_everybody_sees_who_asked(rig: ItemRig) -> None:
    """Whoever retries as well has to look for it there, and at the causes of builds (J24)."""
    rig.server.add_job("pr", parameters=[MARK], outcome=("FAILURE", "SUCCESS"))
    rig.server.items.retry_failed(rig.server.job("pr"), AutoRetry(delay_s=30))
    await rig.post("/job/pr/buildWithParameters", GORDON_REQUEST_ID="k7")
    await rig.wait_s(2)
    [item] = (await rig.see("/queue/"))["items"]
    assert [cause["_class"].rpartition(".")[2] for cause in causes(item)] == ["Cause$UserIdCause", "NaginatorCause"]
    assert causes(item)[1] == {
        "_class": "com.chikli.hudson.plugin.naginator.NaginatorCause",
        "shortDescription": "Started by Naginator after build #1 failure",
    }
    await rig.wait_s(30)
    build = await rig.see("/job/pr/2/")
    assert values(build) == {"GORDON_REQUEST_ID": "k7"}
    assert "com.chikli.hudson.plugin.naginator.NaginatorAction" in [each.get("_class") for each in build["actions"]]
    assert "Started by Naginator after build #1 failure" in await rig.log("/job/pr/2/")
    assert len(rig.server.ledger.triggers) == 1, "nobody from outside asked for the second"


async def test_the_steps_of_a_retry_are_told_which_it_is(rig: ItemRig) -> None:
    seen: list[dict[str, str]] = []

    def fate(starting: Starting) -> Plan:
        seen.append(dict(starting.environment))
        return Plan("FAILURE")

    rig.server.add_job("pr", outcome=fate)
    rig.server.items.retry_failed(rig.server.job("pr"), AutoRetry(at_most=2))
    await rig.post("/job/pr/build")
    await rig.wait_s(9)
    assert seen == [
        {},
        {"NAGINATOR_COUNT": "1", "NAGINATOR_MAXCOUNT": "2", "NAGINATOR_BUILD_NUMBER": "1"},
        {"NAGINATOR_COUNT": "2", "NAGINATOR_MAXCOUNT": "2", "NAGINATOR_BUILD_NUMBER": "2"},
    ]


async def test_a_row_is_counted_by_its_retries_and_not_by_numbers(rig: ItemRig) -> None:
    """A build between two tries is the first of a row of its own."""
    rig.server.add_job("pr", parameters=[MARK], outcome=("FAILURE",))
    rig.server.items.retry_failed(rig.server.job("pr"), AutoRetry(at_most=1, delay_s=10))
    await rig.post("/job/pr/buildWithParameters", GORDON_REQUEST_ID="k7")
    await rig.wait_s(5)
    await rig.post("/job/pr/buildWithParameters", GORDON_REQUEST_ID="k8")
    await rig.wait_s(60)
    assert retried(rig) == [(1, 1), (2, 1)]


async def test_without_a_limit_it_goes_on_until_the_build_passes(rig: ItemRig) -> None:
    rig.server.add_job("pr", outcome=(*[Plan("FAILURE")] * 12, "SUCCESS"))
    rig.server.items.retry_failed(rig.server.job("pr"), AutoRetry(at_most=0))
    await rig.post("/job/pr/build")
    await rig.wait_s(60)
    assert [count for _, count in retried(rig)] == list(range(1, 13))


async def test_a_retry_by_hand_counts_in_the_row(rig: ItemRig) -> None:
    rig.server.add_job("pr", outcome=("FAILURE",))
    await rig.post("/job/pr/build")
    await rig.wait_s(1)
    rig.server.items.retry_failed(rig.server.job("pr"), AutoRetry(at_most=1))
    assert await rig.post("/job/pr/1/retry/") == 302
    await rig.wait_s(5)
    assert retried(rig) == [], "the one by hand was the first of at most one"


@pytest.mark.parametrize("gone", ["disabled", "taken-out"])
async def test_nothing_is_repeated_that_may_not_be_built_or_without_the_plugin(rig: ItemRig, gone: str) -> None:
    rig.server.add_job("pr", outcome=("FAILURE",))
    rig.server.items.retry_failed(rig.server.job("pr"), AutoRetry())
    await rig.post("/job/pr/build")
    if gone == "disabled":
        rig.server.job("pr").disabled = True
    else:
        rig.server.plugins.discard("naginator")
    await rig.wait_s(5)
    assert retried(rig) == []


CELLS = {"A": ("1", "2", "3")}
BAD, WORSE, UNSTABLE = Plan("FAILURE", log=LOG), Plan("FAILURE", log="FAIL: TestRun\n"), Plan("UNSTABLE")


@pytest.mark.parametrize(
    ("cells", "how", "repeated"),
    [
        pytest.param({"1": BAD}, AutoRetry(), [None], id="whole-by-default"),
        pytest.param({"1": BAD}, AutoRetry(failed_cells_only=True), [("A=1",)], id="failed-cells"),
        pytest.param(
            {"1": BAD, "2": UNSTABLE},
            AutoRetry(failed_cells_only=True, unstable_too=True),
            [("A=1", "A=2")],
            id="unstable-cells-by-choice",
        ),
        pytest.param({"1": BAD, "2": UNSTABLE}, AutoRetry(failed_cells_only=True), [("A=1",)], id="unstable-cell"),
        pytest.param(
            {"1": BAD, "2": WORSE},
            AutoRetry(regexp=FLAKE, failed_cells_only=True),
            [("A=1", "A=2")],
            id="one-cell-speaks-for-all",
        ),
        pytest.param({"2": WORSE}, AutoRetry(regexp=FLAKE, failed_cells_only=True), [], id="no-cell-speaks"),
        pytest.param(
            {"1": BAD, "2": WORSE},
            AutoRetry(regexp=FLAKE, failed_cells_only=True, looked_at="each cell"),
            [("A=1",)],
            id="each-for-itself",
        ),
        pytest.param({"1": BAD}, AutoRetry(regexp=FLAKE, looked_at="parent"), [], id="the-parent-does-not-have-it"),
        pytest.param(
            {"1": BAD},
            AutoRetry(regexp="completed with result FAILURE", looked_at="parent"),
            [None],
            id="the-parent-has",
        ),
        pytest.param(
            {"2": WORSE},
            AutoRetry(regexp=FLAKE, failed_cells_only=True, looked_at="each cell"),
            [None],
            id="none-left-is-the-whole",
        ),
        pytest.param(
            {"2": WORSE},
            AutoRetry(regexp=FLAKE, failed_cells_only=True, looked_at="each cell", none_left="empty"),
            [()],
            id="none-left-is-empty",
        ),
        pytest.param(
            {"2": WORSE},
            AutoRetry(regexp=FLAKE, failed_cells_only=True, looked_at="each cell", none_left="nothing"),
            [],
            id="none-left-is-nothing",
        ),
    ],
)
async def test_which_cells_of_a_matrix_are_repeated(
    rig: ItemRig, cells: dict[str, Plan], how: AutoRetry, repeated: list[tuple[str, ...] | None]
) -> None:
    outcomes: dict[str, Outcome] = {f"A={name}": (plan, "SUCCESS") for name, plan in cells.items()}
    matrix = rig.server.items.add_matrix("m", CELLS, outcomes=outcomes)
    rig.server.items.retry_failed(matrix, how)
    await rig.post("/job/m/build")
    await rig.wait_s(9)
    assert [each.cells for each in rig.server.ledger.retries] == repeated
    runs = [run["number"] for run in (await rig.see("/job/m/lastBuild/"))["runs"]]
    built = [set(each or ("A=1", "A=2", "A=3")) if each != () else set() for each in repeated]
    assert runs == [2 if built and f"A={name}" in built[0] else 1 for name in CELLS["A"]]


async def test_a_pipeline_has_no_publisher_for_it(rig: ItemRig) -> None:
    flow = rig.server.add_job("flow", kind="pipeline", outcome=("FAILURE",))
    with pytest.raises(AssertionError, match="flow is no job that Naginator repeats"):
        rig.server.items.retry_failed(flow, AutoRetry())


async def test_the_ledger_tells_what_was_asked_for_and_when(rig: ItemRig) -> None:
    rig.server.add_job("pr", outcome=("FAILURE", "SUCCESS"), duration_s=1)
    rig.server.items.retry_failed(rig.server.job("pr"), AutoRetry(delay_s=30))
    await rig.post("/job/pr/build")
    await rig.wait_s(60)
    [told] = rig.server.ledger.retries
    second = rig.server.ledger.builds[1]
    assert told == RetryAccepted(datetime(2026, 8, 22, 0, 0, 1, tzinfo=UTC), "pr", 1, second.queue_id, 1, None)
    assert (second.number, (second.at - told.at).total_seconds()) == (2, 30)
