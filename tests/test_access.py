"""Whose word counts for which target: the role must be there where the target belongs."""

import pytest

from bot.access import Access
from bot.clock import SystemClock
from bot.commands import Call, Usage
from bot.errors import NotAllowed
from bot.events import BuildRef, JobRef, Person, PullRef, Role, Speaker
from bot.live import Facts, Live
from bot.people import People
from bot.plugin import Command, Context
from bot.settings import ContextSettings, CoreSettings, GordonSettings, RepoSettings
from bot.teams import Teams

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
