"""Branches and matrices are started as what they are; copies and lost answers of theirs are found again."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Literal

import pytest
import pytest_asyncio

from bot.demo.jenkins.branches import Branches
from bot.demo.jenkins.cells import CombinationsParameter
from bot.demo.jenkins.ledger import CommitThenDrop, Reset
from bot.demo.jenkins.model import BooleanParameter, ChoiceParameter, Parameter, StringParameter
from bot.demo.jenkins.parameters import PasswordParameter
from bot.errors import Unavailable, Unsure, UserError
from bot.ports import Order, Queued
from bot.settings import ParameterNames
from bot.values import Build, BuildRef, JobRef, Result
from tests.contract.jenkins_world import COMMIT, MARK, PULL, SHA, Ci, a_jenkins, add_users, until

TRIGGERS = "/job/*/build*"
AXES = {"FS": ("aufs", "zfs"), "ARCH": ("amd64", "arm64")}


@pytest_asyncio.fixture
async def ci() -> AsyncIterator[Ci]:
    async with a_jenkins() as ci:
        add_users(ci)
        yield ci


@pytest.fixture
def moby(ci: Ci) -> Branches:
    """A multibranch project with a pull request and a branch, neither of which was ever built."""
    project = ci.jenkins.items.add_multibranch("moby")
    project.pull("PR-7", SHA, base="b" * 40)
    project.push("feature/x", SHA, parameters=(MARK, PULL))
    return project


def order(job: str, mark: str = "k7f2", cells: Sequence[str] = (), **parameters: str) -> Order:
    """Order what a context of a multibranch project orders: no fact tells its builds apart."""
    return Order(JobRef("ci", job), parameters, mark, {}, cells=tuple(cells))


async def ended(ci: Ci, job: str, number: int = 1) -> Build:
    """Wait for the end of a build, and read it."""
    adapter = ci.adapter()
    while not (build := await adapter.build(BuildRef(JobRef("ci", job), number))) or not build.finished:
        await ci.clock.sleep(0.01)
    return build


# Branches


@pytest.mark.parametrize("slashes", ["kept", "decoded", "refused"])
@pytest.mark.parametrize("name", ["moby/PR-7", "moby/feature%2Fx"])
async def test_a_branch_is_started_by_the_name_of_its_job_whatever_a_proxy_does_to_slashes(
    ci: Ci, moby: Branches, name: str, slashes: Literal["kept", "decoded", "refused"]
) -> None:
    """(J14) The name is encoded already, and its `%` once more in the address; only `%2F` itself disturbs a proxy."""
    ci.jenkins.faults.encoded_slashes = slashes
    adapter = ci.adapter()
    queued = await adapter.trigger(order(name))
    [item] = await adapter.queue()
    assert (item.id, item.job.full_name) == (queued.id, name)


async def test_a_multibranch_project_itself_is_not_built(ci: Ci, moby: Branches) -> None:
    with pytest.raises(UserError, match="moby holds other jobs and builds nothing itself"):
        await ci.adapter().trigger(order("moby"))
    assert (moby.project.scans, ci.jenkins.ledger.asked("POST")) == (0, [])


async def test_a_branch_has_no_parameters_before_its_first_build_and_is_asked_for_them_after_it(
    ci: Ci, moby: Branches
) -> None:
    job, adapter = moby.job("feature/x"), ci.adapter()
    job.quiet_period_s = 0
    await adapter.trigger(order(job.full_name))
    await until(lambda: bool(job.builds) and bool(job.parameters), ci.clock)
    job.quiet_period_s = None
    queued = await adapter.trigger(order(job.full_name, PR="7"))
    assert queued.parameters == {"GORDON_REQUEST_ID": "k7f2", "PR": "7"}
    assert [trigger.parameters for trigger in ci.jenkins.ledger.triggers] == [{}, queued.parameters]


async def test_the_branch_of_a_closed_pull_request_says_that_it_cannot_be_built(ci: Ci, moby: Branches) -> None:
    moby.close("PR-7")
    moby.scan()
    with pytest.raises(UserError, match="cannot be built on Jenkins ci: it is disabled, as that of a closed pull"):
        await ci.adapter().trigger(order("moby/PR-7"))
    moby.project.orphans = "removed"
    moby.scan()
    with pytest.raises(UserError, match="there is no job moby/PR-7 on Jenkins ci, or it is hidden from us"):
        await ci.adapter().trigger(order("moby/PR-7"))
    assert ci.jenkins.ledger.triggers == []


@pytest.mark.parametrize("is_running", [False, True], ids=["while it waits", "when it runs"])
async def test_a_lost_start_of_a_branch_is_found_by_our_name_and_its_time(
    ci: Ci, moby: Branches, is_running: bool
) -> None:
    """(J6, F21) A branch declares nothing by which its build could be told."""
    job, adapter, since = moby.job("PR-7"), ci.adapter(), ci.now()
    job.quiet_period_s, job.duration_s = (0 if is_running else None), 3600.0
    ci.jenkins.faults.next("POST", TRIGGERS, CommitThenDrop())
    with pytest.raises(Unavailable):
        await adapter.trigger(order(job.full_name))
    if is_running:
        await until(lambda: bool(job.builds), ci.clock)
    found = await adapter.find(order(job.full_name), since)
    assert isinstance(found, Build if is_running else Queued)
    assert len(ci.jenkins.ledger.triggers) == 1


async def test_a_lost_first_start_of_a_branch_is_found_though_its_job_declares_our_mark_since(
    ci: Ci, moby: Branches
) -> None:
    """(J6) By the time that anybody looks, the build has taught its job parameters that it has none of itself."""
    job, since = moby.job("feature/x"), ci.now()
    job.quiet_period_s, job.duration_s = 0, 3600.0
    ci.jenkins.faults.next("POST", TRIGGERS, CommitThenDrop())
    with pytest.raises(Unavailable):
        await ci.adapter().trigger(order(job.full_name))
    await until(lambda: bool(job.parameters), ci.clock)
    found = await ci.adapter().find(order(job.full_name), since)
    assert isinstance(found, Build)
    assert (found.ref.number, dict(found.parameters)) == (1, {})


@pytest.mark.parametrize("fault", [CommitThenDrop(), Reset()], ids=["after it counted", "before it counted"])
async def test_what_waits_of_a_job_without_parameters_takes_a_lost_start_in_whoever_began_it(
    ci: Ci, moby: Branches, fault: CommitThenDrop | Reset
) -> None:
    """(J1, F24) Any item of it is equal to ours: it has taken the start in, or would if that were sent again."""
    theirs = await ci.adapter(user="tianon", token="tianons-token").trigger(order("moby/PR-7"))
    adapter, since = ci.adapter(), ci.now()
    ci.jenkins.faults.next("POST", TRIGGERS, fault)
    with pytest.raises(Unavailable):
        await adapter.trigger(order("moby/PR-7"))
    found = await adapter.find(order("moby/PR-7"), since)
    assert isinstance(found, Queued)
    assert found.id == theirs.id


async def test_two_builds_of_ours_that_nothing_tells_apart_are_a_persons_to_look_at(ci: Ci, moby: Branches) -> None:
    job, adapter, since = moby.job("PR-7"), ci.adapter(), ci.now()
    job.quiet_period_s, job.duration_s = 0, 3600.0
    await adapter.trigger(order(job.full_name))
    await until(lambda: 1 in job.builds, ci.clock)
    await adapter.trigger(order(job.full_name))
    await until(lambda: 2 in job.builds, ci.clock)
    with pytest.raises(Unsure, match=r"may have happened, look at http.*/job/moby/job/PR-7/"):
        await adapter.find(order(job.full_name), since)


# Matrices


CHOICES: list[object] = [
    pytest.param(CombinationsParameter("CELLS"), ["FS=zfs"], 2, id="by a part of their names"),
    pytest.param(CombinationsParameter("CELLS"), ["ARCH=arm64,FS=zfs"], 1, id="by its whole name"),
    pytest.param(CombinationsParameter("CELLS", "FS == 'aufs'"), ["FS=aufs", "FS=zfs"], 4, id="all, against a default"),
    pytest.param(StringParameter("UNUSED"), ["FS=zfs"], 4, id="in vain"),
]


@pytest.mark.parametrize(("parameter", "cells", "count"), CHOICES)
async def test_only_the_chosen_cells_of_a_matrix_are_built_where_it_can_choose(
    ci: Ci, parameter: Parameter, cells: list[str], count: int
) -> None:
    """(J13)"""
    job = ci.jenkins.items.add_matrix("matrix", AXES, parameters=[MARK, parameter], duration_s=0.01)
    job.quiet_period_s = 0
    queued = await ci.adapter().trigger(order("matrix", cells=cells))
    built = [cell.name for cell in (await ended(ci, "matrix")).cells]
    assert len(built) == count
    assert bool(queued.notes) is isinstance(parameter, StringParameter)
    if not queued.notes:
        assert all(any(set(cell.split(",")) >= set(one.split(",")) for one in cells) for cell in built)


async def test_a_cell_parameter_of_the_configuration_comes_first(ci: Ci) -> None:
    parameters: list[Parameter] = [MARK, StringParameter("ONLY"), CombinationsParameter("CELLS")]
    ci.jenkins.items.add_matrix("matrix", AXES, parameters=parameters)
    await ci.adapter(parameters=ParameterNames(cells="ONLY")).trigger(order("matrix", cells=["FS=zfs"]))
    [trigger] = ci.jenkins.ledger.triggers
    assert trigger.parameters["ONLY"] == "ARCH=amd64,FS=zfs ARCH=arm64,FS=zfs"


async def test_a_matrix_none_of_whose_cells_was_built_has_not_passed(ci: Ci) -> None:
    """(J13) Jenkins calls it a success; its older runs are none of it."""
    parameters: list[Parameter] = [MARK, CombinationsParameter("CELLS")]
    job = ci.jenkins.items.add_matrix("matrix", AXES, parameters=parameters, duration_s=0.01)
    job.quiet_period_s = 0
    await ci.adapter().trigger(order("matrix"))
    await ended(ci, "matrix")
    await ci.adapter().trigger(order("matrix", mark="none", CELLS="FS == 'xfs'"))
    build = await ended(ci, "matrix", 2)
    assert job.builds[2].plan.result == "SUCCESS"
    assert (build.result, build.cells) == (Result.NOT_BUILT, ())


async def test_a_cell_that_waits_is_no_build_of_its_own(ci: Ci) -> None:
    """(J13) Its item carries the parameters of the build that it belongs to, which has begun."""
    ci.jenkins.items.add_matrix("plain", AXES, duration_s=3600.0).quiet_period_s = 0
    ci.jenkins.items.add_matrix("matrix", AXES, parameters=[MARK, PULL], duration_s=3600.0).quiet_period_s = 0
    adapter = ci.adapter()
    for job in ("plain", "matrix"):  # the cells of the first take all executors
        begun = await adapter.trigger(order(job, **({} if job == "plain" else {"PR": "7"})))
        while await adapter.build(BuildRef(JobRef("ci", job), 1)) is None:
            await ci.clock.sleep(0.01)
    waiting = [item for item in await adapter.queue() if item.job.full_name == "matrix"]
    assert [item.parameters["PR"] for item in waiting] == ["7"] * 4
    live = await adapter.live(JobRef("ci", "matrix"), {"PR": "7"})
    assert isinstance(live, Build)
    assert (live.ref.number, live.queue_id) == (1, begun.id)


async def test_a_start_that_never_arrived_is_not_found_in_the_cells_of_anothers_build(ci: Ci) -> None:
    """(J6, J13) Where a job has no parameters, what waits of it takes a start in; what waits of a cell does not."""
    for job in ("plain", "other"):
        ci.jenkins.items.add_matrix(job, AXES, duration_s=3600.0).quiet_period_s = 0
        await ci.adapter(user="tianon", token="tianons-token").trigger(order(job))
        await until(lambda job=job: bool(ci.jenkins.job(job).builds), ci.clock)  # type: ignore[misc]
    adapter = ci.adapter()
    await adapter.takes(order("other"))
    while len(await adapter.queue()) < 4:
        await ci.clock.sleep(0.01)
    assert await adapter.find(order("other"), ci.now()) is None


# Copies and what came of an order


async def test_a_copy_starts_with_what_its_model_had_and_a_mark_of_its_own(ci: Ci) -> None:
    declared = (MARK, PULL, COMMIT, ChoiceParameter("ARCH", ("amd64", "arm64")), BooleanParameter("FAST"))
    job = ci.jenkins.add_job("job", parameters=declared, quiet_period_s=0)
    adapter = ci.adapter()
    await adapter.trigger(ci.order("job", ARCH="arm64", FAST="true"))
    model = (await ended(ci, "job")).ref
    job.parameters = tuple(each for each in job.parameters if each.name != "GIT_SHA1")
    parameters = await adapter.model(model)
    assert parameters == {"PR": "7", "ARCH": "arm64", "FAST": "true"}
    await adapter.trigger(replace(order("job", mark="new"), parameters=parameters, model=model))
    assert ci.jenkins.ledger.triggers[1].parameters == {**parameters, "GORDON_REQUEST_ID": "new", "FAST": True}


async def test_a_build_with_a_password_is_not_copied(ci: Ci) -> None:
    ci.jenkins.add_job("job", parameters=(MARK, PULL, COMMIT, PasswordParameter("KEY")), quiet_period_s=0)
    adapter = ci.adapter()
    await adapter.trigger(ci.order("job"))
    with pytest.raises(UserError, match="nobody can read again what KEY was"):
        await adapter.model((await ended(ci, "job")).ref)


async def test_a_build_that_runs_with_other_parameters_than_it_was_sent_is_told(ci: Ci) -> None:
    """(J4) Somebody changes the job between our look at it and the start: Jenkins drops what it does not declare."""
    arch = ChoiceParameter("ARCH", ("amd64", "arm64"))
    job = ci.jenkins.add_job("job", parameters=(MARK, PULL, COMMIT, arch), quiet_period_s=0)
    adapter, sent = ci.adapter(), ci.order("job", ARCH="arm64")
    await adapter.takes(sent)
    job.parameters = (MARK, PULL, COMMIT)
    await adapter.trigger(sent)
    build = await ended(ci, "job")
    for reader in (adapter, ci.adapter()):  # one that read the job before, and one that sees it as it is now
        assert await reader.differs(sent, build) == ("runs without ARCH",)
    assert await adapter.differs(ci.order("job"), build) == ()
    assert await adapter.differs(ci.order("job", PR="8"), build) == ("runs with PR=7, not 8",)
