"""The Jenkins adapter against a Jenkins that answers, refuses, lies and dies; its ledger is the oracle."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio

from bot.adapters.jenkins import Jenkins
from bot.clock import SystemClock
from bot.demo.jenkins import JenkinsStandIn
from bot.demo.jenkins_ledger import CommitThenDrop, Fault, Hang, Reset, Slow, Status, Truncated
from bot.demo.jenkins_model import BooleanParameter, ChoiceParameter, Plan, StringParameter
from bot.demo.jenkins_request import READ
from bot.errors import GordonError, Refused, Unavailable, Unsure, UserError
from bot.events import Build, BuildRef, JobRef, Result
from bot.ports import BuildServer, Order, Queued
from bot.settings import JenkinsSettings, ParameterNames

HELD_S = 3600.0  # a quiet period that no test outlives
SHA = "9" * 40
MARK = StringParameter("GORDON_REQUEST_ID")
PULL = StringParameter("PR")
COMMIT = StringParameter("GIT_SHA1")
FACTS = {"PR": "7", "GIT_SHA1": SHA}
MATCH = {"PR": "7", "GIT_SHA1": SHA}
TRIGGERS = "/job/*/build*"


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


@pytest_asyncio.fixture
async def ci() -> AsyncIterator[Ci]:
    clock = SystemClock()
    ci = Ci(JenkinsStandIn(clock, quiet_period_s=HELD_S), clock)
    await ci.jenkins.start()
    ci.jenkins.add_user("gordon", token="gordons-token", password="gordons-password")
    ci.jenkins.add_user("tianon", token="tianons-token")
    ci.jenkins.add_job("docker-prs", parameters=(MARK, PULL, COMMIT))
    yield ci
    for adapter in ci.adapters:
        await adapter.close()
    await ci.jenkins.stop()


async def until(condition: Callable[[], bool], clock: SystemClock) -> None:
    while not condition():
        await clock.sleep(0.01)


# Starting


async def test_a_start_sends_the_parameters_in_the_body_and_takes_the_queue_id(ci: Ci) -> None:
    queued = await ci.adapter().trigger(ci.order())
    [trigger] = ci.jenkins.ledger.triggers
    assert (queued.id, dict(queued.parameters)) == (trigger.queue_id, FACTS | {"GORDON_REQUEST_ID": "k7f2"})
    assert trigger.parameters == queued.parameters
    assert [seen.path for seen in ci.jenkins.ledger.asked("POST")] == ["/job/docker-prs/buildWithParameters"]


async def test_a_second_start_reads_the_definitions_no_second_time(ci: Ci) -> None:
    adapter = ci.adapter()
    for request in ("a", "b"):
        await adapter.trigger(ci.order(mark=request))
    assert len(ci.jenkins.ledger.asked("GET")) == 1


@pytest.mark.parametrize("is_old", [False, True], ids=["303", "201 before 2.302"])
async def test_an_equal_start_is_folded_into_the_waiting_item(ci: Ci, is_old: bool) -> None:
    ci.jenkins.faults.duplicates_are_201 = is_old
    adapter = ci.adapter()
    first, second = await adapter.trigger(ci.order()), await adapter.trigger(ci.order())
    assert first.id == second.id
    assert [trigger.folded for trigger in ci.jenkins.ledger.triggers] == [False, True]


async def test_a_job_without_parameters_is_started_without_any(ci: Ci) -> None:
    ci.jenkins.add_job("bare")
    adapter = ci.adapter()
    queued = await adapter.trigger(ci.order("bare"))
    assert ci.jenkins.ledger.triggers[0].queue_id == queued.id
    assert adapter.complaints(JobRef("ci", "bare"))[0].startswith("job bare does not declare GORDON_REQUEST_ID; ")


JOB_NAMES = [
    pytest.param("docker-prs", "/job/docker-prs/", id="plain"),
    pytest.param("infra/base image", "/job/infra/job/base%20image/", id="folder and space"),
    pytest.param("moby/feature%2Fx", "/job/moby/job/feature%252Fx/", id="branch of a multibranch job"),
    pytest.param("größe #1?", "/job/gr%C3%B6%C3%9Fe%20%231%3F/", id="umlaut, hash and question mark"),
    pytest.param("-rf", "/job/-rf/", id="leading dash"),
]


@pytest.mark.parametrize(("name", "path"), JOB_NAMES)
async def test_a_job_is_found_under_any_name_it_may_have(ci: Ci, name: str, path: str) -> None:
    ci.jenkins.add_job(name, parameters=(MARK, PULL, COMMIT))
    adapter = ci.adapter()
    queued = await adapter.trigger(ci.order(name))
    assert ci.jenkins.ledger.asked("POST")[0].path == f"{path}buildWithParameters"
    live = await adapter.live(JobRef("ci", name), MATCH)
    assert isinstance(live, Queued)
    assert (live.id, live.job.full_name) == (queued.id, name)


@pytest.mark.parametrize("name", ["prs/../admin", "..", "a//b", "/a", "a/", "", " ", "a\nb", "."])
async def test_what_is_no_job_name_is_asked_nowhere(ci: Ci, name: str) -> None:
    with pytest.raises(UserError, match="is not the name of a job"):
        await ci.adapter().trigger(ci.order(name))
    assert ci.jenkins.ledger.requests == []


BAD_PARAMETERS = [
    pytest.param({"DRIVER": "zfs"}, "DRIVER of tuned is one of aufs, overlay; not 'zfs'", id="choice outside the list"),
    pytest.param({"DRIVER": "overlai"}, r"\(did you mean overlay\?\)", id="nearest choice"),
    pytest.param(
        {"DRIVR": "aufs"}, r"has no parameter 'DRIVR'; it has .*FAST.*\(did you mean DRIVER\?\)", id="unknown"
    ),
    pytest.param({"driver": "aufs"}, r"has no parameter 'driver'; .*did you mean DRIVER", id="case differs"),
    pytest.param({"FAST": "yes"}, "FAST of tuned is true or false, not 'yes'", id="boolean"),
    pytest.param({"NOTE": "a\nQUIT :b"}, "NOTE of tuned must be one line", id="newline"),
    pytest.param({"NOTE": "a\x00"}, "NOTE of tuned must be one line", id="control character"),
    pytest.param({"NOTE": "é" * 2049}, "NOTE of tuned is longer than 4096 bytes", id="too long"),
]


@pytest.mark.parametrize(("parameters", "words"), BAD_PARAMETERS)
async def test_a_wrong_parameter_is_told_before_anything_is_sent(
    ci: Ci, parameters: dict[str, str], words: str
) -> None:
    driver, fast = ChoiceParameter("DRIVER", ("aufs", "overlay")), BooleanParameter("FAST")
    ci.jenkins.add_job("tuned", parameters=(MARK, driver, fast, StringParameter("NOTE")))
    with pytest.raises(UserError, match=words):
        await ci.adapter().trigger(ci.order("tuned", **parameters))
    assert ci.jenkins.ledger.asked("POST") == []


async def test_text_that_looks_like_syntax_arrives_as_it_is(ci: Ci) -> None:
    ci.jenkins.add_job("tuned", parameters=(MARK, StringParameter("NOTE"), BooleanParameter("FAST")))
    await ci.adapter().trigger(ci.order("tuned", NOTE="a&PR=8 $(rm) %2F ü+", FAST="TRUE"))
    assert ci.jenkins.ledger.triggers[0].parameters["NOTE"] == "a&PR=8 $(rm) %2F ü+"
    assert ci.jenkins.ledger.triggers[0].parameters["FAST"] is True


async def test_a_parameter_added_to_the_job_a_moment_ago_is_taken(ci: Ci) -> None:
    adapter = ci.adapter()
    await adapter.trigger(ci.order())
    ci.jenkins.job("docker-prs").parameters += (StringParameter("NEW"),)
    queued = await adapter.trigger(ci.order(NEW="x"))
    assert queued.parameters["NEW"] == "x"


def veto(ci: Ci) -> None:
    ci.jenkins.job("docker-prs").vetoed = True


def disable(ci: Ci) -> None:
    ci.jenkins.job("docker-prs").disabled = True


def hide(ci: Ci) -> None:
    ci.jenkins.job("docker-prs").hidden = True


def forbid(ci: Ci) -> None:
    ci.jenkins.add_user("gordon", token="gordons-token", permissions={READ})


def answer(status: int, location: str = "") -> Callable[[Ci], None]:
    def plan(ci: Ci) -> None:
        ci.jenkins.faults.next("POST", TRIGGERS, Status(status, headers={"Location": location} if location else {}))

    return plan


MOVED_HOME = "https://ci.example.org/job/docker-prs/buildWithParameters"
NO_STARTS = [
    pytest.param(veto, Refused, "queued nothing", id="302 is no success"),
    pytest.param(disable, UserError, "is disabled", id="disabled"),
    pytest.param(hide, UserError, "there is no job docker-prs on Jenkins ci, or it is hidden", id="hidden"),
    pytest.param(answer(400), UserError, "nothing was queued", id="400"),
    pytest.param(answer(401), Refused, "user or token is wrong", id="401"),
    pytest.param(answer(403), Refused, "we may not", id="403"),
    pytest.param(answer(405), Refused, "405", id="405"),
    pytest.param(answer(500), Refused, "500", id="500 is not tried again"),
    pytest.param(answer(301, MOVED_HOME), Refused, r"configure that address as its url", id="https redirect"),
    pytest.param(answer(302, MOVED_HOME), Refused, r"https://ci\.example\.org", id="https redirect by 302"),
    pytest.param(answer(307, MOVED_HOME), Refused, r"configure that address as its url", id="https redirect by 307"),
    pytest.param(answer(502), Unavailable, "does not answer", id="502"),
    pytest.param(answer(503), Unavailable, r"Jenkins ci does not answer \(starting docker-prs\)", id="boot page"),
    pytest.param(answer(504), Unavailable, "does not answer", id="504"),
    pytest.param(answer(201), Unavailable, "does not tell the queue item", id="201 without an item"),
]


@pytest.mark.parametrize(("given", "error", "words"), NO_STARTS)
async def test_a_start_that_is_none_says_why(
    ci: Ci, given: Callable[[Ci], None], error: type[GordonError], words: str
) -> None:
    given(ci)
    with pytest.raises(error, match=words):
        await ci.adapter().trigger(ci.order())
    assert ci.jenkins.ledger.triggers == []
    assert len(ci.jenkins.ledger.asked("POST")) <= 1


async def test_a_missing_right_is_not_a_wrong_token(ci: Ci) -> None:
    with pytest.raises(Refused, match="user or token is wrong"):
        await ci.adapter(token="stale").trigger(ci.order())
    forbid(ci)
    with pytest.raises(Refused, match="we may not"):
        await ci.adapter().trigger(ci.order())


# Lost answers


LOST = [
    pytest.param(CommitThenDrop(), 1, id="answer dropped"),
    pytest.param(Hang(commit=True), 1, id="no answer in time"),
    pytest.param(Slow(1.5), 1, id="answer too late"),
    pytest.param(Reset(), 0, id="reset before it counted"),
    pytest.param(Hang(), 0, id="hung before it counted"),
]


@pytest.mark.parametrize(("fault", "accepted"), LOST)
@pytest.mark.parametrize("parameters", [(MARK, PULL, COMMIT), (PULL, COMMIT), ()], ids=["mark", "match", "nothing"])
async def test_a_start_whose_answer_is_lost_is_found_again_and_never_sent_twice(
    ci: Ci, fault: Fault, accepted: int, parameters: tuple[StringParameter, ...]
) -> None:
    ci.jenkins.add_job("job", parameters=parameters)
    adapter, since = ci.adapter(timeout_s=0.3), ci.now()
    ci.jenkins.faults.next("POST", TRIGGERS, fault)
    with pytest.raises(Unavailable):
        await adapter.trigger(ci.order("job"))
    found = await adapter.find(ci.order("job"), since)
    assert len(ci.jenkins.ledger.asked("POST")) == 1
    assert [trigger.queue_id for trigger in ci.jenkins.ledger.triggers] == (
        [found.id] if isinstance(found, Queued) else []
    )
    assert len(ci.jenkins.ledger.triggers) == accepted


async def test_a_lost_start_on_a_kept_connection_is_not_repeated_by_the_client(ci: Ci) -> None:
    adapter = ci.adapter()
    await adapter.queue()
    ci.jenkins.faults.next("POST", TRIGGERS, Reset())
    with pytest.raises(Unavailable):
        await adapter.trigger(ci.order())
    assert len(ci.jenkins.ledger.asked("POST")) == 1


async def test_a_reset_read_is_tried_once_more(ci: Ci) -> None:
    adapter = ci.adapter()
    ci.jenkins.faults.next("GET", "/queue/api/json", Reset())
    assert await adapter.queue() == []


async def test_a_started_build_is_found_by_its_mark_among_others(ci: Ci) -> None:
    ci.jenkins.add_job("quick", parameters=(MARK, PULL, COMMIT), quiet_period_s=0)
    adapter, since = ci.adapter(), ci.now()
    for request in ("a", "b", "c"):
        await adapter.trigger(ci.order("quick", mark=request))
    await until(lambda: len(ci.jenkins.ledger.builds) == 3, ci.clock)
    found = await adapter.find(ci.order("quick", mark="b"), since)
    assert isinstance(found, Build)
    assert found.parameters["GORDON_REQUEST_ID"] == "b"


async def test_what_has_just_left_the_queue_and_is_no_build_yet_is_found_all_the_same(ci: Ci) -> None:
    ci.jenkins.add_job("quick", parameters=(MARK,), quiet_period_s=0)
    ci.jenkins.faults.creation_gap_s = 0.1
    adapter, since = ci.adapter(), ci.now()
    queued = await adapter.trigger(ci.order("quick"))
    left = await adapter.queued(queued.job, queued.id)
    assert (left.build, left.gone, left.cancelled) == (None, False, False)
    ci.jenkins.faults.next("GET", "/job/quick/api/json", Slow(0.2))
    assert isinstance(await adapter.find(ci.order("quick"), since), Build)


async def test_several_candidates_are_a_persons_to_look_at(ci: Ci) -> None:
    ci.jenkins.add_job("unmarked", parameters=(PULL, COMMIT, StringParameter("TRY")))
    adapter, since = ci.adapter(), ci.now()
    for again in ("1", "2"):
        await adapter.trigger(ci.order("unmarked", TRY=again))
    with pytest.raises(Unsure, match=r"may have happened, look at http.*/job/unmarked/"):
        await adapter.find(ci.order("unmarked"), since)


async def test_somebody_elses_build_and_an_older_one_are_not_ours(ci: Ci) -> None:
    ci.jenkins.add_job("unmarked", parameters=(PULL, COMMIT, StringParameter("TRY")))
    adapter = ci.adapter()
    await adapter.trigger(ci.order("unmarked", TRY="older"))
    await ci.clock.sleep(1.1)  # the Date header tells seconds
    since = ci.now()
    await ci.adapter(user="tianon", token="tianons-token").trigger(ci.order("unmarked", TRY="theirs"))
    assert await adapter.find(ci.order("unmarked"), since) is None
    ours = await adapter.trigger(ci.order("unmarked", TRY="ours"))
    found = await adapter.find(ci.order("unmarked"), since)
    assert isinstance(found, Queued)
    assert found.id == ours.id


async def test_a_candidate_whose_user_is_hidden_is_a_persons_to_look_at() -> None:
    clock = SystemClock()
    ci = Ci(JenkinsStandIn(clock, quiet_period_s=HELD_S, csrf=False), clock)
    await ci.jenkins.start()
    ci.jenkins.add_job("unmarked", parameters=(PULL, COMMIT))
    adapter, since = ci.adapter(user="", token=""), ci.now()
    await adapter.trigger(ci.order("unmarked"))
    with pytest.raises(Unsure):
        await adapter.find(ci.order("unmarked"), since)
    await adapter.close()
    await ci.jenkins.stop()


@pytest.mark.parametrize("skew_s", [-7200.0, 7200.0], ids=["two hours behind", "two hours ahead"])
async def test_a_wrong_controller_clock_does_not_hide_our_build(ci: Ci, skew_s: float) -> None:
    ci.jenkins.faults.skew_s = skew_s
    ci.jenkins.add_job("unmarked", parameters=(PULL, COMMIT, StringParameter("TRY")))
    adapter = ci.adapter()
    await adapter.trigger(ci.order("unmarked", TRY="older"))
    await ci.clock.sleep(1.1)
    since = ci.now()
    assert await adapter.find(ci.order("unmarked"), since) is None
    ours = await adapter.trigger(ci.order("unmarked", TRY="ours"))
    found = await adapter.find(ci.order("unmarked"), since)
    assert isinstance(found, Queued)
    assert found.id == ours.id


# Reading


async def test_the_adapter_is_a_build_server(ci: Ci) -> None:
    server: BuildServer = ci.adapter()
    assert (server.name, server.session) == ("ci", "")
    assert server.link(JobRef("ci", "infra/base image")) == f"{ci.jenkins.url}job/infra/job/base%20image/"


async def test_another_session_tells_of_a_restart(ci: Ci) -> None:
    adapter = ci.adapter()
    await adapter.queue()
    before = adapter.session
    await adapter.queue()
    assert adapter.session == before != ""
    await ci.jenkins.restart(0.05)
    await adapter.queue()
    assert adapter.session not in ("", before)


async def test_a_wrong_root_in_jenkins_own_configuration_is_never_followed(ci: Ci) -> None:
    ci.jenkins.faults.json_root = "https://old.example.org/ci/"
    ci.jenkins.add_job("infra/quick", parameters=(MARK, PULL, COMMIT), quiet_period_s=0)
    adapter = ci.adapter()
    queued = await adapter.trigger(ci.order("infra/quick"))
    await until(lambda: bool(ci.jenkins.ledger.builds), ci.clock)
    item = await adapter.queued(queued.job, queued.id)
    assert item.url_of_build == f"{ci.jenkins.url}job/infra/job/quick/1/"
    assert item.build == BuildRef(JobRef("ci", "infra/quick"), 1)
    found = await adapter.live(queued.job, MATCH) or await adapter.latest(queued.job, MATCH)
    assert isinstance(found, Build)
    assert found.url == item.url_of_build


async def test_the_queue_and_what_runs_are_listed_with_their_jobs(ci: Ci) -> None:
    ci.jenkins.add_job("infra/quick", parameters=(MARK,), quiet_period_s=0, outcome=[Plan(duration_s=60, node="arm-7")])
    adapter = ci.adapter()
    waits, runs = await adapter.trigger(ci.order()), await adapter.trigger(ci.order("infra/quick"))
    await until(lambda: bool(ci.jenkins.ledger.builds), ci.clock)
    assert [(item.id, str(item.job), item.parameters["PR"]) for item in await adapter.queue()] == [
        (waits.id, "docker-prs", "7")
    ]
    [build] = await adapter.running()
    assert (str(build.ref), build.node, build.queue_id, build.finished) == ("infra/quick#1", "arm-7", runs.id, False)


async def test_a_build_is_finished_only_when_its_log_is(ci: Ci) -> None:
    plan = Plan("FAILURE", duration_s=0.01, publishing_s=0.3, closing_s=0.3)
    ci.jenkins.add_job("quick", parameters=(MARK,), quiet_period_s=0, outcome=[plan])
    adapter = ci.adapter()
    await adapter.trigger(ci.order("quick"))
    await until(lambda: bool(ci.jenkins.ledger.builds), ci.clock)
    ref = BuildRef(JobRef("ci", "quick"), 1)
    seen: list[tuple[Result | None, bool]] = []
    while not seen or not seen[-1][1]:
        build = await adapter.build(ref)
        assert build is not None
        seen.append((build.result, build.finished))
        await ci.clock.sleep(0.02)
    assert (Result.FAILURE, False) in seen
    assert seen[-1] == (Result.FAILURE, True)


async def test_a_build_whose_log_is_lost_is_finished_all_the_same(ci: Ci) -> None:
    ci.jenkins.add_job("quick", quiet_period_s=0, duration_s=0.01)
    adapter, job = ci.adapter(), JobRef("ci", "quick")
    await adapter.trigger(ci.order("quick"))
    await until(lambda: bool(ci.jenkins.ledger.builds), ci.clock)
    ci.jenkins.job("quick").builds[1].log_lost = True
    await ci.clock.sleep(0.05)
    build = await adapter.build(BuildRef(job, 1))
    assert build is not None
    assert build.finished


async def test_a_queue_item_that_nobody_knows_any_more_is_gone_and_its_build_is_found(ci: Ci) -> None:
    ci.jenkins.add_job("quick", parameters=(MARK,), quiet_period_s=0)
    adapter, job = ci.adapter(), JobRef("ci", "quick")
    queued = await adapter.trigger(ci.order("quick"))
    await until(lambda: bool(ci.jenkins.ledger.builds), ci.clock)
    ci.jenkins.clear_queue_item(queued.id, before_start=False)
    assert (await adapter.queued(job, queued.id)).gone
    build = await adapter.came_of(job, queued.id)
    assert build is not None
    assert build.ref.number == 1
    assert await adapter.came_of(job, queued.id + 1) is None


async def test_a_deleted_build_is_none_and_a_restart_is_not(ci: Ci) -> None:
    adapter, ref = ci.adapter(), BuildRef(JobRef("ci", "docker-prs"), 3)
    assert await adapter.build(ref) is None
    await ci.jenkins.go_down("503")
    with pytest.raises(Unavailable, match=r"Jenkins ci does not answer \(reading docker-prs#3\)"):
        await adapter.build(ref)


READS: list[Any] = [
    pytest.param(lambda a: a.queued(JobRef("ci", "docker-prs"), 1), id="queued"),
    pytest.param(lambda a: a.build(BuildRef(JobRef("ci", "docker-prs"), 1)), id="build"),
    pytest.param(lambda a: a.came_of(JobRef("ci", "docker-prs"), 1), id="came_of"),
    pytest.param(lambda a: a.latest(JobRef("ci", "docker-prs"), {}), id="latest"),
    pytest.param(lambda a: a.live(JobRef("ci", "docker-prs"), {}), id="live"),
    pytest.param(lambda a: a.queue(), id="queue"),
    pytest.param(lambda a: a.running(), id="running"),
    pytest.param(lambda a: a.cancel_queued(1), id="cancel"),
    pytest.param(lambda a: a.stop(BuildRef(JobRef("ci", "docker-prs"), 1)), id="stop"),
]
OUTAGES = ["refused", "reset", "503", "502", "504"]


@pytest.mark.parametrize("outage", OUTAGES)
@pytest.mark.parametrize("read", READS)
async def test_an_outage_is_never_an_answer(ci: Ci, outage: Any, read: Callable[[Jenkins], Any]) -> None:
    await ci.jenkins.go_down(outage)
    with pytest.raises(Unavailable):
        await read(ci.adapter())


GARBAGE: list[Any] = [
    pytest.param(Status(200, "<html>log in</html>"), "unreadable", id="a page"),
    pytest.param(Status(200, "[1]"), "unreadable", id="no object"),
    pytest.param(Status(200, "[" * 100_000), "unreadable", id="depth"),
    pytest.param(Status(500, "Oops"), "does not answer", id="500"),
    pytest.param(Truncated(5), "does not answer", id="cut short"),
    pytest.param(Hang(), "does not answer", id="silence"),
]


@pytest.mark.parametrize(("fault", "words"), GARBAGE)
async def test_nonsense_is_no_answer_either(ci: Ci, fault: Fault, words: str) -> None:
    ci.jenkins.faults.next("GET", "/queue/api/json", fault, times=2)
    with pytest.raises(Unavailable, match=words):
        await ci.adapter(timeout_s=0.3).queue()


async def test_after_a_restart_the_queue_is_read_anew(ci: Ci, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    adapter, since = ci.adapter(), ci.now()
    await adapter.trigger(ci.order())
    ci.jenkins.faults.queue_lost_on_restart = True
    ci.jenkins.begin_restart(0.3)
    with pytest.raises(Unavailable):
        await adapter.find(ci.order(), since)
    await ci.clock.sleep(0.4)
    assert await adapter.find(ci.order(), since) is None
    assert "Jenkins ci restarted" in caplog.messages
    assert "gordons-token" not in caplog.text


# Ending


async def test_a_waiting_item_is_taken_out_and_a_started_one_is_not(ci: Ci) -> None:
    ci.jenkins.add_job("quick", quiet_period_s=0, duration_s=60)
    adapter = ci.adapter()
    waits, starts = await adapter.trigger(ci.order()), await adapter.trigger(ci.order("quick"))
    await until(lambda: bool(ci.jenkins.ledger.builds), ci.clock)
    assert await adapter.cancel_queued(waits.id)
    assert (await adapter.queued(waits.job, waits.id)).cancelled
    assert not await adapter.cancel_queued(starts.id)
    assert not await adapter.cancel_queued(4711)


async def test_a_stopped_build_is_over_when_it_says_so(ci: Ci) -> None:
    ci.jenkins.add_job("quick", quiet_period_s=0, outcome=[Plan(duration_s=60, stopping_s=0.2)])
    adapter, ref = ci.adapter(), BuildRef(JobRef("ci", "quick"), 1)
    await adapter.trigger(ci.order("quick"))
    await until(lambda: bool(ci.jenkins.ledger.builds), ci.clock)
    await adapter.stop(ref)
    assert [(stop.job, stop.number) for stop in ci.jenkins.ledger.stops] == [("quick", 1)]
    asked = await adapter.build(ref)
    assert asked is not None
    assert not asked.finished
    await ci.clock.sleep(0.4)
    ended = await adapter.build(ref)
    assert ended is not None
    assert (ended.result, ended.finished) == (Result.ABORTED, True)
    with pytest.raises(UserError, match="no build quick#2"):
        await adapter.stop(BuildRef(JobRef("ci", "quick"), 2))


async def test_without_the_right_nothing_is_cancelled_or_stopped(ci: Ci) -> None:
    adapter = ci.adapter()
    waits = await adapter.trigger(ci.order())
    forbid(ci)
    with pytest.raises(Refused, match="we may not cancel"):
        await adapter.cancel_queued(waits.id)


# Who asks


async def test_a_password_needs_a_crumb_and_a_new_one_after_a_restart(ci: Ci) -> None:
    adapter = ci.adapter(token="gordons-password")
    await adapter.trigger(ci.order())
    await ci.jenkins.restart(0.05)
    await adapter.trigger(ci.order(mark="second"))
    assert len(ci.jenkins.ledger.triggers) == 2
    assert len(ci.jenkins.ledger.asked("GET", "/crumbIssuer/*")) == 2


async def test_a_token_asks_for_no_crumb(ci: Ci) -> None:
    await ci.adapter().trigger(ci.order())
    assert ci.jenkins.ledger.asked("GET", "/crumbIssuer/*") == []


CHECKS = [
    pytest.param({}, "docker-prs", [], id="all is well"),
    pytest.param({}, "docker-pr", ["there is no job docker-pr on Jenkins ci, or it is hidden from us"], id="no job"),
    pytest.param({}, "a//b", ["'a//b' is not the name of a job"], id="no name"),
    pytest.param({}, "asleep", ["job asleep is disabled"], id="disabled"),
    pytest.param(
        {"token": "stale"}, "docker-prs", ["Jenkins ci refused: user or token is wrong (checking)"], id="token"
    ),
    pytest.param(
        {"parameters": ParameterNames(request_id="ID")},
        "docker-prs",
        [
            "job docker-prs does not declare ID; if an answer of Jenkins ci is lost, "
            "its build can only be found again by its pull, commit, user and time"
        ],
        id="no request id",
    ),
]


@pytest.mark.parametrize(("changes", "job", "told"), CHECKS)
async def test_a_check_tells_what_is_wrong_in_sentences(
    ci: Ci, changes: dict[str, Any], job: str, told: list[str]
) -> None:
    ci.jenkins.add_job("asleep", parameters=(MARK,)).disabled = True
    assert await ci.adapter(**changes).check([JobRef("ci", job)]) == told


async def test_a_check_of_a_dead_jenkins_is_one_sentence(ci: Ci) -> None:
    await ci.jenkins.go_down()
    jobs = [JobRef("ci", "docker-prs"), JobRef("ci", "other")]
    assert await ci.adapter().check(jobs) == ["Jenkins ci does not answer (checking)"]


async def test_a_context_path_is_kept() -> None:
    clock = SystemClock()
    ci = Ci(JenkinsStandIn(clock, quiet_period_s=HELD_S, context_path="/jenkins"), clock)
    await ci.jenkins.start()
    ci.jenkins.add_user("gordon", token="gordons-token")
    ci.jenkins.add_job("a/b", parameters=(MARK, PULL, COMMIT))
    adapter = ci.adapter(url=ci.jenkins.url.rstrip("/"))
    queued = await adapter.trigger(ci.order("a/b"))
    [item] = await adapter.queue()
    assert (item.id, str(item.job), item.url) == (queued.id, "a/b", f"{ci.jenkins.url}queue/item/{queued.id}/")
    await adapter.close()
    await ci.jenkins.stop()
