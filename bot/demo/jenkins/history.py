"""What the past builds of a job in a Jenkins stand-in tell: permalinks, the estimate, and which are rotated away."""

from collections.abc import Mapping
from itertools import islice

from bot.demo.jenkins.model import Build, Job, Result

_LOOKED_AT = 6  # builds that an estimate looks back
_AVERAGED = 3

_PERMALINKS: Mapping[str, set[Result]] = {
    "lastStableBuild": {"SUCCESS"},
    "lastSuccessfulBuild": {"SUCCESS", "UNSTABLE"},
    "lastFailedBuild": {"FAILURE"},
    "lastUnstableBuild": {"UNSTABLE"},
    "lastUnsuccessfulBuild": {"UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED"},
    "lastCompletedBuild": {"SUCCESS", "UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED"},
}
PERMALINKS = ("lastBuild", *_PERMALINKS)


def find_build(job: Job, name: str, now_s: float) -> Build | None:
    """Find a build by number or permalink."""
    if name.isdecimal():
        return job.builds.get(int(name))
    newest = reversed(job.builds.values())
    if name == "lastBuild":
        return next(newest, None)
    wanted = _PERMALINKS.get(name, set())
    return next((build for build in newest if not build.building(now_s) and build.final in wanted), None)


def estimate_s(job: Job, now_s: float) -> float | None:
    """Tell how long a build will take: the mean of up to three, good ones first [Job.getEstimatedDuration]."""
    last_good = find_build(job, "lastSuccessfulBuild", now_s)
    good = [] if last_good is None else [last_good]
    others = []
    for build in islice(reversed(job.builds.values()), _LOOKED_AT):
        if build.building(now_s) or build is last_good or len(good) >= _AVERAGED:
            continue
        if build.final in ("SUCCESS", "UNSTABLE"):
            good.append(build)
        elif build.final == "FAILURE":  # the other results are no complete builds
            others.append(build)
    taken = [*good, *others][:_AVERAGED]
    return sum(build.lasted_s for build in taken) / len(taken) if taken else None


def rotate(job: Job, now_s: float) -> list[Build]:
    """Delete what the job does not keep, sparing the last good ones, and tell which [LogRotator]."""
    if job.keeps_builds is None:
        return []
    spared = (find_build(job, "lastSuccessfulBuild", now_s), find_build(job, "lastStableBuild", now_s))
    old = job.newest_first()[job.keeps_builds :]
    gone = [build for build in old if not (build.keep or build.building(now_s) or build in spared)]
    for build in gone:
        del job.builds[build.number]
    return gone
