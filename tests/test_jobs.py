"""Which job builds which context, of which context and commit a build is, and what agents are told, as tables."""

import pytest

from bot.branch import job_of, number_of
from bot.jobs import Jobs, checked_out
from bot.live import Facts, Live
from bot.node_effects import MAX_REASON_CHARS, reason_of
from bot.people import People
from bot.ports import Queued
from bot.settings import ContextSettings, CoreSettings, GordonSettings, JenkinsSettings, JobSettings, RepoSettings
from bot.values import Build, BuildRef, Checkout, JobRef, PullRef

HEAD, OLD, MERGE = "3f2c1ab9" * 5, "77aa0011" * 5, "c0ffee" * 6 + "beef"
PLAIN = ContextSettings(jenkins="ci", job="docker-prs")
MULTI = ContextSettings(jenkins="ci", job="moby/multi", branch="PR-{number}")
MERGED = ContextSettings(jenkins="ci", job="moby/multi", branch="PR-{number}-merge")
SETTINGS = GordonSettings(
    gordon=CoreSettings(home="moby/moby"),
    jenkins={"ci": JenkinsSettings(url="http://127.0.0.1:1"), "old": JenkinsSettings(url="http://127.0.0.1:2")},
    repos={
        "moby/moby": RepoSettings(
            contexts={
                "janky": PLAIN,
                "zfs": ContextSettings(jenkins="ci", job="storage", parameters={"STORAGE": "zfs"}),
                "vfs": ContextSettings(jenkins="ci", job="storage", parameters={"STORAGE": "vfs"}),
                "multi": MULTI,
                "merged": MERGED,
            }
        ),
        "docker/libnetwork": RepoSettings(contexts={"net": PLAIN}),
    },
    jobs={"base-image": JobSettings(jenkins="ci", job="infra/base-image")},
)
FACTS = Facts(SETTINGS, People({}, {}, {}))
JOBS = Jobs(Live(FACTS))


@pytest.mark.parametrize(
    ("context", "job"),
    [
        pytest.param(PLAIN, "docker-prs", id="plain"),
        pytest.param(MULTI, "moby/multi/PR-7", id="multibranch"),
        pytest.param(MERGED, "moby/multi/PR-7-merge", id="merged"),
    ],
)
def test_the_job_of_a_pull_request(context: ContextSettings, job: str) -> None:
    assert job_of(context, 7) == JobRef("ci", job)


@pytest.mark.parametrize(
    ("context", "job", "number"),
    [
        pytest.param(MULTI, "moby/multi/PR-7", 7, id="its-own"),
        pytest.param(MULTI, "Moby/multi/pr-7", 7, id="J14-another-case"),
        pytest.param(MULTI, "moby/multi/PR-7-merge", None, id="of-another-strategy"),
        pytest.param(MERGED, "moby/multi/PR-7-merge", 7, id="merged"),
        pytest.param(MULTI, "moby/multi/master", None, id="a-branch"),
        pytest.param(MULTI, "moby/multi/PR-07", None, id="a-number-that-nobody-writes-so"),
        pytest.param(MULTI, "moby/multi/PR-", None, id="no-number"),
        pytest.param(MULTI, f"moby/multi/PR-{'9' * 20}", None, id="A24-no-pull-request-has-such-a-number"),
        pytest.param(MULTI, "moby/multi/PR-\u0667", None, id="digits-of-another-script"),
        pytest.param(MULTI, "moby/multi", None, id="the-project"),
        pytest.param(MULTI, "x/moby/multi/PR-7", None, id="deeper"),
        pytest.param(PLAIN, "docker-prs", None, id="no-project"),
    ],
)
def test_the_pull_request_of_a_job(context: ContextSettings, job: str, number: int | None) -> None:
    assert number_of(context, JobRef("ci", job)) == number


def test_a_project_on_another_server_is_another() -> None:
    assert number_of(MULTI, JobRef("old", "moby/multi/PR-7")) is None


def build(job: str, server: str = "ci", **parameters: str) -> Build:
    return Build(BuildRef(JobRef(server, job), 4), "https://ci/4", parameters=parameters)


@pytest.mark.parametrize(
    ("found", "name"),
    [
        pytest.param(build("docker-prs", GIT_BASE_REPO="moby/moby"), "janky", id="by-its-repository"),
        pytest.param(build("docker-prs", GIT_BASE_REPO="docker/libnetwork"), "net", id="the-other"),
        pytest.param(build("docker-prs", GIT_BASE_REPO="Moby/MOBY"), "janky", id="its-repository-in-another-case"),
        pytest.param(build("docker-prs"), "docker-prs", id="either"),
        pytest.param(build("Docker-PRs", GIT_BASE_REPO="moby/moby"), "janky", id="J14-another-case"),
        pytest.param(build("storage", STORAGE="zfs"), "zfs", id="by-a-parameter"),
        pytest.param(build("storage"), "storage", id="without-the-parameter"),
        pytest.param(build("moby/multi/PR-7"), "multi", id="multibranch"),
        pytest.param(build("moby/multi/PR-7-merge"), "merged", id="multibranch-merged"),
        pytest.param(build("moby/multi/master"), "moby/multi/master", id="a-branch"),
        pytest.param(build("infra/base-image"), "base-image", id="of-no-pull-request"),
        pytest.param(build("docker-prs", "old"), "docker-prs", id="another-server"),
    ],
)
def test_the_context_of_a_build(found: Build, name: str) -> None:
    assert JOBS.name(found) == name


@pytest.mark.parametrize(
    ("found", "pull"),
    [
        pytest.param(build("x", PR="7", GIT_BASE_REPO="moby/moby"), PullRef("moby/moby", 7), id="parameters"),
        pytest.param(build("x", PR="7"), None, id="no-repository"),
        pytest.param(build("storage", PR="7", STORAGE="zfs"), PullRef("moby/moby", 7), id="the-only-one-of-its-job"),
        pytest.param(build("docker-prs", PR="7"), None, id="one-of-two"),
        pytest.param(build("x", PR="7", GIT_BASE_REPO="Moby/MOBY"), PullRef("moby/moby", 7), id="in-another-case"),
        pytest.param(build("x", PR="9" * 20, GIT_BASE_REPO="moby/moby"), None, id="A24-too-large-for-a-row"),
        pytest.param(build("x", PR="9" * 5000, GIT_BASE_REPO="moby/moby"), None, id="A24-too-large-to-be-read"),
        pytest.param(build("x", PR="7", GIT_BASE_REPO="@all see\r\nevil/x"), None, id="A13-no-repository's-name"),
        pytest.param(build("x", PR="7", GIT_BASE_REPO=f"moby/{'x' * 500}"), None, id="A24-a-name-of-any-length"),
        pytest.param(build("x", PR="seven", GIT_BASE_REPO="moby/moby"), None, id="no-number"),
        pytest.param(build("moby/multi/PR-7"), PullRef("moby/moby", 7), id="name-of-the-job"),
        pytest.param(
            Queued(JobRef("ci", "moby/multi/PR-7"), 3, "https://ci/3"), PullRef("moby/moby", 7), id="while-it-waits"
        ),
        pytest.param(build("moby/multi/master"), None, id="a-branch"),
        pytest.param(
            build("moby/multi/PR-7", PR="8", GIT_BASE_REPO="docker/libnetwork"),
            PullRef("moby/moby", 7),
            id="A13-whatever-its-own-Jenkinsfile-declares",
        ),
    ],
)
def test_the_pull_request_of_a_build(found: Build | Queued, pull: PullRef | None) -> None:
    assert JOBS.pull_of(found) == pull


def taken(*commits: str, remote: str = "https://github.com/moby/moby.git") -> Checkout:
    return Checkout((remote,), commits)


LIBRARY = taken(OLD, remote="https://github.com/docker/ci-library")


@pytest.mark.parametrize(
    ("checkouts", "commit"),
    [
        pytest.param([taken(HEAD)], HEAD, id="as-asked"),
        pytest.param([taken(OLD)], OLD, id="J25-another"),
        pytest.param([taken(MERGE, HEAD)], HEAD, id="merged-on-the-spot"),
        pytest.param([taken(MERGE, OLD)], OLD, id="another-merged"),
        pytest.param([LIBRARY], "", id="a-library-alone"),
        pytest.param([LIBRARY, taken(HEAD)], HEAD, id="after-a-library"),
        pytest.param([taken(OLD), taken(HEAD)], HEAD, id="twice-and-once-as-asked"),
        pytest.param([taken(HEAD, remote="git@github.com:Moby/Moby.git")], HEAD, id="by-ssh"),
        pytest.param([taken(HEAD, remote="ssh://git@github.com/moby/moby/")], HEAD, id="by-ssh-as-an-address"),
        pytest.param([taken(HEAD, remote="https://github.com/evil/moby-moby.git")], "", id="a-name-alike"),
        pytest.param([taken()], "", id="nothing-yet"),
        pytest.param([], "", id="no-checkout"),
    ],
)
def test_the_commit_that_a_build_took(checkouts: list[Checkout], commit: str) -> None:
    assert checked_out(checkouts, {"moby/moby"}, HEAD) == commit


def test_a_build_of_another_commit_than_it_was_told_says_so() -> None:
    """J25."""
    found = build("docker-prs", PR="7", GIT_BASE_REPO="moby/moby", GIT_SHA1=HEAD)
    told = [Build(found.ref, found.url, parameters=found.parameters, checkouts=(taken(sha),)) for sha in (HEAD, OLD)]
    assert [(JOBS.seen(one).sha, JOBS.seen(one).built) for one in told] == [(HEAD, ""), (HEAD, OLD)]


@pytest.mark.parametrize(
    ("told", "commit"),
    [
        pytest.param(OLD, OLD, id="a-commit"),
        pytest.param("origin/pr/7/merge", HEAD, id="a-name"),
        pytest.param("@tianon\r\nQUIT", HEAD, id="A13-words-for-a-channel"),
        pytest.param("f" * 100_000, HEAD, id="A24-of-any-length"),
        pytest.param("", HEAD, id="nothing"),
    ],
)
def test_a_commit_is_told_only_as_what_is_one(told: str, commit: str) -> None:
    """J29: whoever may start a job may give it any values."""
    given = {"PR": "7", "GIT_BASE_REPO": "moby/moby", "GIT_SHA1": told}
    found = Build(BuildRef(JobRef("ci", "docker-prs"), 1), "", parameters=given, checkouts=(taken(HEAD),))
    assert JOBS.seen(found).sha == commit


@pytest.mark.parametrize(
    ("job", "repos"),
    [
        pytest.param("docker-prs", ["docker/libnetwork", "moby/moby"], id="of-two"),
        pytest.param("moby/multi/PR-7", ["moby/moby"], id="in-a-project"),
        pytest.param("moby/multi/master", ["moby/moby"], id="a-branch-in-a-project"),
        pytest.param("infra/base-image", [], id="of-none"),
    ],
)
def test_the_repositories_that_a_job_builds_for(job: str, repos: list[str]) -> None:
    assert sorted(FACTS.repos_of(JobRef("ci", job))) == repos


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        pytest.param("the disk is full", "tianon: the disk is full", id="plain"),
        pytest.param("", "tianon", id="none"),
        pytest.param("a\r\nPRIVMSG #x :y\x1b[31m\u202e", "tianon: a PRIVMSG #x :y [31m", id="J29-one-line"),
        pytest.param("x" * 300, f"tianon: {'x' * 300}"[:MAX_REASON_CHARS], id="capped"),
    ],
)
def test_the_reason_at_an_agent_names_who_and_why(reason: str, told: str) -> None:
    assert reason_of("tianon", reason) == told
