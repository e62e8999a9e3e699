"""A build goes to the node that somebody names, where its job declares a parameter of the plugin nodelabelparameter."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest_asyncio

from bot.demo.jenkins.nodes import Agent
from bot.demo.jenkins.parameters import LabelParameter
from bot.settings import ParameterNames
from bot.values import Build, BuildRef, JobRef
from tests.contract.jenkins_world import COMMIT, MARK, PULL, Ci, a_jenkins, add_users

NAMES = ParameterNames(node="NODE")
REF = BuildRef(JobRef("ci", "job"), 1)


@pytest_asyncio.fixture
async def ci() -> AsyncIterator[Ci]:
    async with a_jenkins() as ci:
        add_users(ci)
        for name in ("arm-7", "arm-8"):
            ci.jenkins.add_node(Agent(name, labels=("arm",), exclusive=True))
        parameters = (MARK, PULL, COMMIT, LabelParameter("NODE", "arm"))
        ci.jenkins.add_job("job", parameters=parameters, quiet_period_s=0)
        yield ci


async def ended(ci: Ci) -> Build:
    adapter = ci.adapter(parameters=NAMES)
    while not (build := await adapter.build(REF)) or not build.finished:
        await ci.clock.sleep(0.01)
    return build


async def test_a_build_runs_on_the_node_it_was_ordered_for_and_nothing_differs(ci: Ci) -> None:
    """Jenkins tells such a value as `label`, and a build that is where it should be is not called different."""
    adapter, order = ci.adapter(parameters=NAMES), ci.order("job", NODE="arm-8")
    await adapter.trigger(order)
    build = await ended(ci)
    assert (build.node, build.parameters["NODE"]) == ("arm-8", "arm-8")
    assert await adapter.differs(order, build) == ()
    assert await adapter.differs(ci.order("job", NODE="arm-7"), build) == ("runs with NODE=arm-8, not arm-7",)


async def test_a_build_with_a_node_can_be_repeated_there_or_elsewhere(ci: Ci) -> None:
    adapter = ci.adapter(parameters=NAMES)
    await adapter.trigger(ci.order("job", NODE="arm-8"))
    model = await adapter.model((await ended(ci)).ref)
    assert model["NODE"] == "arm-8"
    again = replace(ci.order("job", **{**model, "NODE": "arm-7"}), request_id="again")
    await adapter.trigger(again)
    assert ci.jenkins.ledger.triggers[1].parameters["NODE"] == "arm-7"
