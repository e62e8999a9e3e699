"""What a Jenkins tells of its queue and builds, through outages, restarts and wrong settings; and ending builds."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from bot.adapters.jenkins import Jenkins
from bot.adapters.jenkins_http import ASIDE_BYTES, JenkinsHttp
from bot.clock import SystemClock
from bot.demo.jenkins.ledger import Fault, Hang, Slow, Status, Truncated
from bot.demo.jenkins.model import Plan
from bot.errors import Refused, Unavailable, UserError
from bot.ports import BuildServer
from bot.settings import ParameterNames
from bot.values import Build, BuildRef, JobRef, Result
from tests.contract.jenkins_world import COMMIT, MARK, MATCH, PULL, Ci, a_jenkins, add_users, forbid, until
from tests.scripted_jenkins import answer, scripted_jenkins


@pytest_asyncio.fixture
async def ci() -> AsyncIterator[Ci]:
    async with a_jenkins() as ci:
        add_users(ci)
        yield ci


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


OWN = {"X-Jenkins": "2.579"}
GARBAGE: list[Any] = [
    pytest.param(Status(200, "<html>log in</html>", OWN), "unreadable", id="a page"),
    pytest.param(Status(200, "[1]", OWN), "unreadable", id="no object"),
    pytest.param(Status(200, "[" * 100_000, OWN), "unreadable", id="depth"),
    pytest.param(Status(200, "{}"), "200 is not its own", id="an object of a proxy"),
    pytest.param(Status(404, "no such route"), "hidden", id="404 without a name where there is always something"),
    pytest.param(Status(404, "Not Found", OWN), "hidden", id="404 where there is always something"),
    pytest.param(Status(500, "Oops"), "does not answer", id="500"),
    pytest.param(Truncated(5), "does not answer", id="cut short"),
    pytest.param(Hang(), "does not answer", id="silence"),
]


@pytest.mark.parametrize(("fault", "words"), GARBAGE)
async def test_nonsense_is_no_answer_either(ci: Ci, fault: Fault, words: str) -> None:
    ci.jenkins.faults.next("GET", "/queue/api/json", fault, times=2)
    with pytest.raises(Unavailable, match=words):
        await ci.adapter(timeout_s=0.3).queue()


@pytest.mark.parametrize("read", READS)
async def test_a_404_of_a_proxy_is_never_an_answer(ci: Ci, read: Callable[[Jenkins], Any]) -> None:
    """Trap 15."""
    ci.jenkins.faults.next("*", "*", Status(404, "no such route"), times=2)
    with pytest.raises(Unavailable, match="404 is not its own"):
        await read(ci.adapter())


async def test_a_404_of_an_old_jenkins_counts_though_it_does_not_say_whose_it_is(ci: Ci) -> None:
    """Before 2021 its error pages were those of its web server; what must be there bears witness."""
    ci.jenkins.faults.next("GET", "/job/docker-prs/7/api/json", Status(404, "<h2>HTTP ERROR 404</h2>"))
    assert await ci.adapter().build(BuildRef(JobRef("ci", "docker-prs"), 7)) is None


async def test_a_log_that_a_proxy_hides_does_not_end_a_build(ci: Ci) -> None:
    ci.jenkins.add_job("quick", quiet_period_s=0, duration_s=0.01)
    adapter = ci.adapter()
    await adapter.trigger(ci.order("quick"))
    await until(lambda: bool(ci.jenkins.ledger.builds), ci.clock)
    await ci.clock.sleep(0.05)
    for route in ("*/logText/progressiveText", "/api/json"):
        ci.jenkins.faults.next("GET", route, Status(404))
    with pytest.raises(Unavailable):
        await adapter.build(BuildRef(JobRef("ci", "quick"), 1))


async def test_reads_that_queue_for_each_other_do_not_make_a_jenkins_silent(ci: Ci) -> None:
    ci.jenkins.faults.next("GET", "/queue/api/json", Slow(0.3), times=12)
    adapter = ci.adapter(timeout_s=0.6)
    assert await asyncio.gather(*(adapter.queue() for _ in range(12))) == [[]] * 12


async def test_a_read_that_waits_too_long_for_others_says_so(ci: Ci) -> None:
    ci.jenkins.faults.next("GET", "/queue/api/json", Hang(), times=40)
    adapter = ci.adapter(timeout_s=0.1)
    ends = await asyncio.gather(*(adapter.queue() for _ in range(20)), return_exceptions=True)
    assert all(isinstance(end, Unavailable) for end in ends)
    assert sum("too many requests of ours" in str(end) for end in ends) > 0


async def test_a_start_waits_for_others_no_longer_than_its_deadline(ci: Ci) -> None:
    """F23: what is sent later would be sent after it was looked for."""
    ci.jenkins.faults.next("GET", "/queue/api/json", Hang(), times=8)
    adapter = ci.adapter(timeout_s=0.3)
    reads = [asyncio.create_task(adapter.queue()) for _ in range(8)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await adapter.trigger(ci.order())
    await asyncio.gather(*reads, return_exceptions=True)
    assert ci.jenkins.ledger.asked("POST") == []


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


async def test_an_old_release_is_asked_what_came_of_taking_an_item_out(ci: Ci) -> None:
    """(J17) Before 2.211 it redirects whatever came of it."""
    ci.jenkins.faults.old_cancels = True
    ci.jenkins.add_job("quick", quiet_period_s=0, duration_s=60)
    adapter = ci.adapter()
    waits, starts = await adapter.trigger(ci.order()), await adapter.trigger(ci.order("quick"))
    await until(lambda: bool(ci.jenkins.ledger.builds), ci.clock)
    assert await adapter.cancel_queued(waits.id)
    assert not await adapter.cancel_queued(starts.id)
    assert not await adapter.cancel_queued(4711)
    ci.jenkins.faults.pending_s = 60.0
    starts = await adapter.trigger(ci.order("quick", mark="other"))
    item = f"queue/item/{starts.id}/api/json"
    while (await adapter._http.read(item, "pending", "waiting", dict) or {}).get("pending") is not True:
        await ci.clock.sleep(0.01)
    assert not await adapter.cancel_queued(starts.id), "an executor has it, and its build is not there yet"


async def test_an_old_release_does_not_tell_that_we_may_not_cancel_and_is_not_believed(ci: Ci) -> None:
    ci.jenkins.faults.old_cancels = True
    adapter = ci.adapter()
    waits = await adapter.trigger(ci.order())
    forbid(ci)
    with pytest.raises(Refused, match="we may not cancel"):
        await adapter.cancel_queued(waits.id)


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


async def test_a_check_tells_each_mistake(ci: Ci) -> None:
    await ci.adapter()._http.post("quietDown", {}, "quieting down")
    told = await ci.adapter().check([JobRef("ci", "one"), JobRef("ci", "two")])
    assert [line.split(" on ")[0] for line in told[1:]] == ["there is no job one", "there is no job two"]
    assert told[0] == "Jenkins ci is about to shut down: it takes builds into its queue and starts none"


async def test_a_check_of_a_dead_jenkins_is_one_sentence(ci: Ci) -> None:
    await ci.jenkins.go_down()
    jobs = [JobRef("ci", "docker-prs"), JobRef("ci", "other")]
    assert await ci.adapter().check(jobs) == ["Jenkins ci does not answer (checking)"]


async def test_a_context_path_is_kept() -> None:
    async with a_jenkins(context_path="/jenkins") as ci:
        add_users(ci)
        ci.jenkins.add_job("a/b", parameters=(MARK, PULL, COMMIT))
        adapter = ci.adapter(url=ci.jenkins.url.rstrip("/"))
        queued = await adapter.trigger(ci.order("a/b"))
        [item] = await adapter.queue()
        assert (item.id, str(item.job), item.url) == (queued.id, "a/b", f"{ci.jenkins.url}queue/item/{queued.id}/")


@pytest.mark.parametrize(
    ("length", "is_aside"), [pytest.param(100, False, id="short"), pytest.param(2 * ASIDE_BYTES, True, id="long")]
)
async def test_a_long_answer_is_taken_apart_aside(length: int, is_aside: bool) -> None:
    """G7: a storm of ten thousand queue items holds up nobody."""
    told = answer(b'{"why": "' + b"x" * length + b'"}', content_type="application/json")
    async with scripted_jenkins(lambda _method, _path: told) as jenkins:
        http = JenkinsHttp("ci", jenkins.url, "", "", 5.0, SystemClock())
        thread = await http.read("queue/api/json", "why", "reading", lambda raw: threading.current_thread())
        await http.close()
    assert (thread is not threading.main_thread()) is is_aside
