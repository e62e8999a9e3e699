"""The Jenkins stand-in seen from the outside: what it answers, and where it sets its traps."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from bot.demo.jenkins.ledger import CommitThenDrop, Fault, Hang, Late, Reset, Slow, Status, Truncated
from bot.demo.jenkins.logs import progress
from bot.demo.jenkins.model import (
    BooleanParameter,
    ChoiceParameter,
    Parameter,
    Plan,
    StringParameter,
)
from bot.demo.jenkins.standin import JenkinsStandIn
from bot.demo.jenkins.tree import MalformedTree, bean, parse_tree, render
from bot.demo.jenkins.triggers import read_delay
from tests.contract.standin_rig import READER, START, TOKEN, Rig, a_held_jenkins, queue_id

PASSWORD = aiohttp.encode_basic_auth("gordon", "secret")


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with a_held_jenkins(executors=2, quiet_period_s=5.0) as rig:
        add_jobs(rig.server)
        yield rig


def add_jobs(server: JenkinsStandIn) -> None:
    parameters: list[Parameter] = [
        StringParameter("PR"),
        ChoiceParameter("ARCH", ("amd64", "arm64")),
        BooleanParameter("FULL"),
    ]
    server.add_job("pr", parameters=parameters, duration_s=10)
    server.add_job("plain", duration_s=10)
    server.add_job("guarded", trigger_token="hush")
    server.add_job("off", parameters=parameters).disabled = True
    server.add_job("off-plain").disabled = True
    server.add_job("vetoed").vetoed = True
    server.add_job("hidden").hidden = True
    server.add_job("folder/Deep/feature%2Fx")


FORM = {"json": json.dumps({"parameter": [{"name": "PR", "value": "1"}]})}


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        pytest.param("POST", "/job/plain/build", {}, 201, id="plain"),
        pytest.param("POST", START, {"params": {"PR": "1"}}, 201, id="parameters-in-query"),
        pytest.param("POST", START, {"data": {"PR": "1"}}, 201, id="parameters-in-body"),
        pytest.param("POST", "/job/pr/build", {}, 400, id="parameterized-without-form"),
        pytest.param("POST", "/job/pr/build", {"data": FORM}, 201, id="parameterized-with-form"),
        pytest.param("POST", "/job/plain/buildWithParameters", {}, 400, id="not-parameterized"),
        pytest.param("POST", "/job/off/buildWithParameters", {}, 409, id="disabled"),
        pytest.param("POST", "/job/off-plain/build", {}, 409, id="disabled-plain"),
        pytest.param("GET", "/job/plain/build", {}, 405, id="get"),
        pytest.param("GET", "/job/pr/build", {}, 405, id="get-shows-form"),
        pytest.param("GET", START, {}, 405, id="get-with-parameters"),
        pytest.param("POST", "/job/none/build", {}, 404, id="unknown"),
        pytest.param("POST", "/job/hidden/build", {}, 404, id="hidden"),
        pytest.param("POST", "/job/plain/build", {"auth": READER}, 403, id="no-build-permission"),
        pytest.param("POST", "/job/plain/build", {"auth": ""}, 403, id="anonymous"),
        pytest.param(
            "POST", "/job/plain/build", {"auth": aiohttp.encode_basic_auth("gordon", "no")}, 401, id="wrong-token"
        ),
        pytest.param("POST", "/job/plain/build", {"auth": PASSWORD}, 403, id="password-without-crumb"),
        pytest.param("POST", "/job/vetoed/build", {}, 302, id="vetoed"),
        pytest.param("POST", START, {"params": {"ARCH": "vax"}}, 500, id="choice-outside"),
        pytest.param("POST", f"{START}?PR=1&PR=2", {}, 500, id="name-twice"),
        pytest.param("POST", "/job/plain/build", {"params": {"delay": "abc"}}, 500, id="bad-delay"),
        pytest.param(
            "GET", "/job/guarded/build", {"params": {"token": "hush"}, "auth": READER}, 201, id="job-token-by-get"
        ),
        pytest.param("POST", "/job/guarded/build", {"params": {"token": "no"}}, 403, id="wrong-job-token"),
        pytest.param("POST", "/job/FOLDER/job/deep/job/feature%252Fx/build", {}, 201, id="folder-case-and-escape"),
    ],
)
async def test_a_trigger_is_answered_by_the_table(
    rig: Rig, method: str, path: str, more: dict[str, Any], status: int
) -> None:
    answer = await rig.ask(method, path, **more)
    assert answer.status == status, await answer.text()
    assert len(rig.server.ledger.triggers) == (status == 201)
    assert ("X-Jenkins" in answer.headers) or status != 404
    assert ("queue/item" in answer.headers.get("Location", "")) == (status == 201)


@pytest.mark.parametrize(
    ("old", "status"), [pytest.param(False, 303, id="since-2.302"), pytest.param(True, 201, id="before-2.302")]
)
async def test_an_equal_trigger_is_folded_into_the_waiting_item(rig: Rig, old: bool, status: int) -> None:
    rig.server.faults.duplicates_are_201 = old
    first = await rig.ask("POST", START, params={"PR": "1"})
    second = await rig.ask("POST", START, params={"PR": "1"})
    other = await rig.ask("POST", START, params={"PR": "2"})
    assert (first.status, second.status, other.status) == (201, status, 201)
    assert queue_id(first) == queue_id(second) != queue_id(other)
    assert [each.folded for each in rig.server.ledger.triggers] == [False, True, False]
    item = await rig.see(f"/queue/item/{queue_id(first)}/", tree="actions[causes[shortDescription]]")
    causes = [cause for action in item["actions"] for cause in action.get("causes", [])]
    assert [cause["shortDescription"] for cause in causes] == ["Started by user gordon"] * 2
    rig.clock.pass_s(5)
    await rig.see("/queue/")
    assert rig.server.ledger.builds_by("PR") == {"1": 1, "2": 1}


async def test_an_equal_plain_trigger_is_201_with_the_same_item_and_an_equal_form_is_302(rig: Rig) -> None:
    plain = [await rig.ask("POST", "/job/plain/build") for _ in range(2)]
    forms = [await rig.ask("POST", "/job/pr/build", data=FORM) for _ in range(2)]
    assert [each.status for each in plain + forms] == [201, 201, 201, 302]
    assert queue_id(plain[0]) == queue_id(plain[1])
    assert "queue/item" not in forms[1].headers["Location"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("30", 0, id="bare-is-milliseconds"),
        pytest.param("5000", 5, id="milliseconds"),
        pytest.param("5999", 5, id="cut-to-seconds"),
        pytest.param("30sec", 30, id="sec"),
        pytest.param("2 secs", 2, id="secs"),
    ],
)
def test_a_delay_is_read_as_jenkins_does(text: str, seconds: float) -> None:
    assert read_delay(text) == seconds


async def test_a_bare_delay_of_thirty_starts_at_once_and_thirty_seconds_wait(rig: Rig) -> None:
    """J3."""
    await rig.ask("POST", START, params={"PR": "1", "delay": "30"})
    await rig.ask("POST", START, params={"PR": "2", "delay": "30sec"})
    assert rig.server.ledger.builds_by("PR") == {"1": 1}
    rig.clock.pass_s(30)
    await rig.see("/queue/")
    assert rig.server.ledger.builds_by("PR") == {"1": 1, "2": 1}


async def test_an_undeclared_parameter_is_dropped_and_missing_ones_take_defaults(rig: Rig) -> None:
    number = await rig.start(pr="7", PR="1", FULL="yes", NOBODY="x")
    item = await rig.see(f"/queue/item/{number}/")
    build = await rig.see(f"/job/pr/{item['executable']['number']}/")
    [values] = [action["parameters"] for action in build["actions"] if "parameters" in action]
    assert {each["name"]: each["value"] for each in values} == {"PR": "1", "ARCH": "amd64", "FULL": False}
    job = await rig.see("/job/pr/", tree="property[parameterDefinitions[name,type,choices]]")
    [names] = [[each["name"] for each in entry["parameterDefinitions"]] for entry in job["property"] if len(entry) > 1]
    assert names == ["PR", "ARCH", "FULL"]


async def test_a_veto_answers_302_and_queues_nothing(rig: Rig) -> None:
    answer = await rig.ask("POST", "/job/vetoed/build", allow_redirects=True)
    assert answer.status == 200
    assert rig.server.ledger.triggers == []


@pytest.mark.parametrize(
    ("fault", "late_s"),
    [
        pytest.param(CommitThenDrop(), 0, id="dropped-after-accept"),
        pytest.param(Late(3), 3, id="accepted-late"),
        pytest.param(Hang(commit=True), 0, id="hangs-after-accept"),
        pytest.param(Truncated(0), 0, id="accepted-and-answered"),
    ],
)
async def test_a_trigger_without_an_answer_may_have_been_accepted(rig: Rig, fault: Fault, late_s: float) -> None:
    rig.server.faults.next("POST", "/job/*/buildWithParameters", fault)
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, ConnectionError):
        await rig.ask("POST", START, params={"PR": "1"}, timeout=aiohttp.ClientTimeout(total=1))
    assert len(rig.server.ledger.triggers) == (late_s == 0)
    rig.clock.pass_s(late_s)
    await rig.see("/queue/")
    assert rig.server.ledger.items_by("PR") == {"1": 1}


@pytest.mark.parametrize("fault", [pytest.param(Reset(), id="reset"), pytest.param(Hang(), id="hang")])
async def test_a_trigger_cut_before_it_is_accepted_has_no_effect(rig: Rig, fault: Fault) -> None:
    rig.server.faults.next("POST", "*", fault)
    with pytest.raises((aiohttp.ClientError, TimeoutError, ConnectionError)):
        await rig.ask("POST", START, timeout=aiohttp.ClientTimeout(total=1))
    await rig.see("/queue/")
    assert rig.server.ledger.triggers == []
    assert len(rig.server.ledger.asked("POST", START)) == 1


async def test_a_slow_answer_comes_after_its_effect(rig: Rig) -> None:
    rig.server.faults.next("POST", "*", Slow(20))
    asking = asyncio.create_task(rig.ask("POST", START, params={"PR": "1"}))
    async with asyncio.timeout(30):
        while not rig.server.ledger.triggers:
            await rig.see("/queue/")
    assert not asking.done()
    rig.clock.pass_s(20)
    assert (await asking).status == 201


async def test_an_item_goes_from_waiting_to_left_and_is_forgotten_after_five_minutes(rig: Rig) -> None:
    number = queue_id(await rig.ask("POST", START, params={"PR": "1"}))
    path = f"/queue/item/{number}/"
    assert (await rig.see(path))["_class"] == "hudson.model.Queue$WaitingItem"
    rig.clock.pass_s(5)
    left = await rig.see(path)
    assert left["_class"] == "hudson.model.Queue$LeftItem"
    assert left["executable"] == {
        "_class": "hudson.model.FreeStyleBuild",
        "number": 1,
        "url": f"{rig.server.url}job/pr/1/",
    }
    rig.clock.pass_s(300)
    assert (await rig.ask("GET", f"{path}api/json")).status == 404
    builds = await rig.see("/job/pr/", tree="builds[number,queueId]{0,10}")
    assert [(each["number"], each["queueId"]) for each in builds["builds"]] == [(1, number)]


async def test_a_left_item_may_have_no_build_yet(rig: Rig) -> None:
    rig.server.faults.creation_gap_s = 2
    path = f"/queue/item/{await rig.start(PR='1')}/"
    left = await rig.see(path, tree="cancelled,executable[number]")
    assert (left["_class"], left["cancelled"], left["executable"]) == ("hudson.model.Queue$LeftItem", False, None)
    rig.clock.pass_s(2)
    assert (await rig.see(path))["executable"]["number"] == 1


async def test_a_full_house_and_a_job_of_one_at_a_time_make_items_wait(rig: Rig) -> None:
    rig.server.job("plain").concurrent = False
    await rig.ask("POST", "/job/plain/build?delay=0sec")
    await rig.ask("POST", "/job/plain/build?delay=0sec")
    await rig.start(PR="1")
    await rig.start(PR="2")
    queue = await rig.see("/queue/", tree="items[task[name],blocked,buildable]")
    seen = {each["_class"].rpartition("$")[2]: each["task"]["name"] for each in queue["items"]}
    assert seen == {"BlockedItem": "plain", "BuildableItem": "pr"}
    computers = await rig.see("/computer/", tree="busyExecutors,totalExecutors")
    assert (computers["busyExecutors"], computers["totalExecutors"]) == (2, 2)
    rig.clock.pass_s(10)
    assert (await rig.see("/queue/"))["items"] == []


async def test_quieting_down_accepts_triggers_and_starts_nothing(rig: Rig) -> None:
    await rig.ask("POST", "/quietDown")
    number = await rig.start(PR="1")
    assert (await rig.see("/", tree="quietingDown"))["quietingDown"]
    assert (await rig.see(f"/queue/item/{number}/"))["why"] == "Jenkins is about to shut down"
    await rig.ask("POST", "/cancelQuietDown")
    assert rig.server.ledger.builds_by("PR") == {"1": 1}


async def test_cancelling_tells_cancelled_unknown_forbidden_and_started_apart(rig: Rig) -> None:
    waiting = queue_id(await rig.ask("POST", START, params={"PR": "1"}))
    started = await rig.start(PR="2")
    asked = [
        (await rig.ask("POST", "/queue/cancelItem", params={"id": str(number)}, auth=auth)).status
        for number, auth in [(waiting, READER), (waiting, TOKEN), (999, TOKEN), (started, TOKEN)]
    ]
    assert asked == [422, 204, 404, 500]
    item = await rig.see(f"/queue/item/{waiting}/")
    assert (item["cancelled"], item["executable"]) == (True, None)
    assert [each.queue_id for each in rig.server.ledger.cancels] == [waiting]


async def test_stop_is_a_302_and_the_build_ends_aborted_in_its_own_time(rig: Rig) -> None:
    rig.server.on_build(lambda _: Plan(stopping_s=4, log="one\ntwo\n"))
    await rig.start(PR="1")
    rig.clock.pass_s(9)
    assert (await rig.ask("POST", "/job/pr/1/stop")).status == 302
    assert (await rig.see("/job/pr/1/"))["building"]
    rig.clock.pass_s(4)
    assert (await rig.see("/job/pr/1/"))["result"] == "ABORTED"
    console = await (await rig.ask("GET", "/job/pr/1/consoleText")).text()
    assert console.endswith("Build was aborted\nAborted by gordon\nFinished: ABORTED\n")
    assert (await rig.ask("POST", "/job/pr/1/stop", auth=READER)).status == 403
    assert [each.number for each in rig.server.ledger.stops] == [1]


async def test_neither_a_result_nor_the_end_of_building_means_finished(rig: Rig) -> None:
    rig.server.on_build(lambda _: Plan("FAILURE", publishing_s=5, closing_s=5))
    await rig.start(PR="1")
    seen = []
    for wait_s in (9, 1, 5, 5):
        rig.clock.pass_s(wait_s)
        build = await rig.see("/job/pr/1/", tree="result,building,inProgress")
        log = await rig.ask("GET", "/job/pr/1/logText/progressiveText")
        last = (await log.text()).endswith("Finished: FAILURE\r\n")
        seen.append((build["result"], build["building"], build["inProgress"], "X-More-Data" in log.headers, last))
    assert seen == [
        (None, True, True, True, False),
        ("FAILURE", True, True, True, False),
        ("FAILURE", False, True, True, False),
        ("FAILURE", False, False, False, True),
    ]


async def test_a_post_through_a_redirect_becomes_a_get_and_is_lost(rig: Rig) -> None:
    """J20."""
    there = rig.server.url.rstrip("/") + START
    rig.server.faults.next("POST", START, Status(302, headers={"Location": there}))
    answer = await rig.ask("POST", START, allow_redirects=True)
    assert answer.status == 405
    assert rig.server.ledger.triggers == []


async def test_the_controllers_clock_shows_in_its_stamps_and_its_date(rig: Rig) -> None:
    rig.server.faults.skew_s = 3600
    await rig.start(PR="1")
    answer = await rig.ask("GET", "/job/pr/1/api/json")
    ahead = rig.clock.now() + timedelta(hours=1)
    assert parsedate_to_datetime(answer.headers["Date"]) == ahead
    assert (await answer.json())["timestamp"] == ahead.timestamp() * 1000


async def test_a_restart_keeps_waiting_items_and_forgets_left_ones(rig: Rig) -> None:
    left, waiting = await rig.start(PR="1"), queue_id(await rig.ask("POST", START, params={"PR": "2"}))
    before = (await rig.ask("GET", "/")).headers["X-Jenkins-Session"]
    restarting = asyncio.create_task(rig.server.restart(down_s=20))
    await asyncio.sleep(0)
    assert (await rig.ask("GET", "/api/json")).status == 503
    assert (await rig.ask("POST", START)).status == 503
    rig.clock.pass_s(20)
    await restarting
    assert (await rig.ask("GET", "/")).headers["X-Jenkins-Session"] != before
    assert (await rig.ask("GET", f"/queue/item/{left}/api/json")).status == 404
    assert (await rig.see(f"/queue/item/{waiting}/"))["executable"]["number"] == 2
    assert (await rig.see("/job/pr/1/"))["result"] == "ABORTED"


async def test_a_hard_restart_loses_builds_and_the_queue(rig: Rig) -> None:
    rig.server.faults.builds_lost_on_restart = rig.server.faults.queue_lost_on_restart = True
    await rig.start(PR="1")
    waiting = queue_id(await rig.ask("POST", START, params={"PR": "2"}))
    rig.server.begin_restart(1)
    rig.clock.pass_s(1)
    assert (await rig.ask("GET", "/job/pr/1/api/json")).status == 404
    assert (await rig.ask("GET", f"/queue/item/{waiting}/api/json")).status == 404
    await rig.start(PR="3")
    assert (await rig.see("/job/pr/", tree="lastBuild[number]"))["lastBuild"]["number"] == 2


@pytest.mark.parametrize(
    ("before_start", "builds"), [pytest.param(True, 0, id="never-starts"), pytest.param(False, 1, id="starts-unseen")]
)
async def test_a_lost_queue_item_leaves_no_trace(rig: Rig, before_start: bool, builds: int) -> None:
    number = queue_id(await rig.ask("POST", START, params={"PR": "1"}))
    rig.server.clear_queue_item(number, before_start=before_start)
    rig.clock.pass_s(5)
    assert (await rig.ask("GET", f"/queue/item/{number}/api/json")).status == 404
    assert len(rig.server.ledger.builds) == builds


@pytest.mark.parametrize("how", ["refused", "reset"])
async def test_a_controller_that_is_away_comes_back_at_the_same_address(rig: Rig, how: Any) -> None:
    await rig.server.go_down(how)
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await rig.ask("GET", "/api/json")
    await rig.server.come_back()
    assert (await rig.ask("GET", "/api/json")).status == 200


async def test_a_crumb_works_with_its_cookie_until_the_next_restart(rig: Rig) -> None:
    crumb = await (await rig.ask("GET", "/crumbIssuer/api/json", auth=PASSWORD)).json()
    header = {crumb["crumbRequestField"]: crumb["crumb"]}
    assert (await rig.ask("POST", START, auth=PASSWORD, headers=header)).status == 201
    rig.server.begin_restart(0)
    assert (await rig.ask("POST", START, auth=PASSWORD, headers=header)).status == 403


async def test_the_root_in_json_may_be_wrong_and_location_is_not(rig: Rig) -> None:
    rig.server.faults.json_root = "https://wrong.example/"
    answer = await rig.ask("POST", START)
    assert answer.headers["Location"].startswith(rig.server.url)
    assert (await rig.see("/job/pr/"))["url"] == "https://wrong.example/job/pr/"


async def test_builds_shows_a_hundred_and_permalinks_reach_further(rig: Rig) -> None:
    job = rig.server.job("plain")
    job.duration_s, job.outcome = 0, ("FAILURE", "SUCCESS")
    for _ in range(102):
        await rig.ask("POST", "/job/plain/build?delay=0")
    shown = await rig.see("/job/plain/", tree="builds[number],allBuilds[number]{100,},lastFailedBuild[number],color")
    assert [each["number"] for each in shown["builds"]] == list(range(102, 2, -1))
    assert [each["number"] for each in shown["allBuilds"]] == [2, 1]
    assert (shown["lastFailedBuild"]["number"], shown["color"]) == (1, "blue")
    assert (await rig.see("/job/plain/lastStableBuild/"))["number"] == 102
    assert (await rig.ask("GET", "/job/plain/lastUnstableBuild/api/json")).status == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param({"tree": "builds[number]{0,1}"}, 200, id="range-after-brackets"),
        pytest.param({"tree": "builds{0,1}[number]"}, 500, id="range-before-brackets"),
        pytest.param({"tree": ""}, 500, id="empty-tree"),
        pytest.param({"depth": "x"}, 500, id="bad-depth"),
        pytest.param({"depth": "3"}, 200, id="deep"),
    ],
)
async def test_a_malformed_question_is_a_500(rig: Rig, query: dict[str, str], status: int) -> None:
    await rig.start(PR="1")
    assert (await rig.ask("GET", "/job/pr/api/json", params=query)).status == status


SHOWN = bean(
    "A",
    always={"name": "n"},
    near={"number": 1},
    plain={"list": [bean("B", always={"name": str(i)}, near={"number": i}, plain={"deep": i}) for i in range(4)]},
    far={"all": "x"},
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("name,nobody", {"name": "n"}, id="unknown-names-are-ignored"),
        pytest.param("list[deep]{1}", {"list": [{"deep": 1}]}, id="one"),
        pytest.param("list[deep]{2,}", {"list": [{"deep": 2}, {"deep": 3}]}, id="from"),
        pytest.param("list[deep]{,1}", {"list": [{"deep": 0}]}, id="below"),
        pytest.param("list[deep]{1,3},all", {"list": [{"deep": 1}, {"deep": 2}], "all": "x"}, id="range-and-far"),
        pytest.param("list[name],list[number]{1}", {"list": [{"number": 1}]}, id="key-twice-keeps-last"),
        pytest.param("*[name]{1}", {"name": "n", "number": 1, "list": [{"name": "1"}], "all": "x"}, id="any-name"),
    ],
)
def test_a_tree_selects(text: str, wanted: dict[str, Any]) -> None:
    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(each) for each in value]
        return (
            {key: plain(each) for key, each in value.items() if key != "_class"} if isinstance(value, dict) else value
        )

    assert plain(render(SHOWN, parse_tree(text))) == wanted


@pytest.mark.parametrize("text", ["", ",", "a,", "a[", "a[]", "a[b", "a]", "a{1,2", "a{x}", "a{}", "a{1}[b]", "a[b]c"])
def test_a_broken_tree_is_refused(text: str) -> None:
    with pytest.raises(MalformedTree):
        parse_tree(text)


@pytest.mark.parametrize(
    ("stored", "start", "complete", "old", "told"),
    [
        pytest.param(b"a\nb\n", 0, True, False, (b"a\r\nb\r\n", 4, False), id="whole"),
        pytest.param(b"a\nb\n", 4, True, False, (b"", 4, False), id="nothing-new"),
        pytest.param(b"a\nb\n", 9, True, False, (b"a\r\nb\r\n", 4, False), id="beyond-the-end-is-all-again"),
        pytest.param(b"a\npar", 0, False, False, (b"a\r\n", 5, True), id="half-line-lost"),
        pytest.param(b"a\npar", 0, False, True, (b"a\r\n", 2, True), id="half-line-kept-by-old"),
        pytest.param(b"x\n" * 10_001, 0, False, False, (b"x\r\n" * 10_000, 20_002, True), id="ten-thousand-lines"),
        pytest.param("é\n".encode(), 1, True, False, ("\ufffd\r\n".encode(), 3, False), id="inside-a-character"),
        pytest.param(b"\x1b[8mha:AA==\x1b[0ma\n", 0, True, True, (b"a\r\n", 17, False), id="old-strips-notes"),
    ],
)
def test_a_progressive_log_is_cut_as_the_release_does(
    stored: bytes, start: int, complete: bool, old: bool, told: tuple[bytes, int, bool]
) -> None:
    """J9, J11, J12."""
    part = progress(stored, start, complete=complete, old=old)
    assert (part.text, part.size, part.more) == told


async def test_a_lost_log_says_so_in_its_body_and_seems_to_run_for_ever(rig: Rig) -> None:
    await rig.start(PR="1")
    rig.clock.pass_s(10)
    rig.server.job("pr").builds[1].log_lost = True
    assert (await (await rig.ask("GET", "/job/pr/1/consoleText")).text()).startswith("No such file: ")
    tail = await rig.ask("GET", "/job/pr/1/logText/progressiveText")
    assert (tail.headers["X-Text-Size"], tail.headers["X-More-Data"]) == ("0", "true")
