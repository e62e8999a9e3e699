"""One Jenkins stand-in with users and a job, and adapters that talk to it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.adapters.jenkins import Jenkins
from bot.clock import SystemClock
from bot.demo.jenkins.model import StringParameter
from bot.demo.jenkins.request import READ
from bot.demo.jenkins.standin import JenkinsStandIn
from bot.ports import Order
from bot.settings import JenkinsSettings
from bot.values import JobRef

HELD_S = 3600.0  # a quiet period that no test outlives
SHA = "9" * 40
MARK = StringParameter("GORDON_REQUEST_ID")
PULL = StringParameter("PR")
COMMIT = StringParameter("GIT_SHA1")
FACTS = {"PR": "7", "GIT_SHA1": SHA}
MATCH = {"PR": "7", "GIT_SHA1": SHA}


@dataclass
class Ci:
    """One Jenkins and the adapter that talks to it."""

    jenkins: JenkinsStandIn
    clock: SystemClock
    adapters: list[Jenkins] = field(default_factory=list)

    def adapter(self, **changes: Any) -> Jenkins:
        """Make an adapter that is closed with the test."""
        token = changes.pop("token", "gordons-token")
        given: dict[str, Any] = {"url": self.jenkins.url, "user": "gordon", "timeout_s": 5.0} | changes
        self.adapters.append(Jenkins("ci", JenkinsSettings(**given), token, self.clock))
        return self.adapters[-1]

    def order(self, job: str = "docker-prs", mark: str = "k7f2", **parameters: str) -> Order:
        return Order(JobRef("ci", job), FACTS | parameters, mark, MATCH)

    def now(self) -> datetime:
        return self.clock.now()


@asynccontextmanager
async def a_jenkins(**how: Any) -> AsyncIterator[Ci]:
    """Run a Jenkins in which whatever is asked for waits in the queue, unless a job says otherwise."""
    clock = SystemClock()
    ci = Ci(JenkinsStandIn(clock, quiet_period_s=HELD_S, **how), clock)
    await ci.jenkins.start()
    ci.jenkins.add_job("docker-prs", parameters=(MARK, PULL, COMMIT))
    try:
        yield ci
    finally:
        for adapter in ci.adapters:
            await adapter.close()
        await ci.jenkins.stop()


def add_users(ci: Ci) -> None:
    """Let two people in, and from then on nobody else."""
    ci.jenkins.add_user("gordon", token="gordons-token", password="gordons-password")
    ci.jenkins.add_user("tianon", token="tianons-token")


def forbid(ci: Ci) -> None:
    """Leave us nothing but reading."""
    ci.jenkins.add_user("gordon", token="gordons-token", permissions={READ})


async def until(condition: Callable[[], bool], clock: SystemClock) -> None:
    while not condition():
        await clock.sleep(0.01)
