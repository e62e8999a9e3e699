"""Builds of the Jenkins stand-in, held to what core and the git plugin show of them, and to how they come and go."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.demo.jenkins.causes import BY_INDEXING, BY_SCM, BY_TIMER, Cause, by_branch_event, by_upstream
from bot.demo.jenkins.checkouts import Change, Checkout
from bot.demo.jenkins.logs import NOTE, clock_time
from bot.demo.jenkins.model import Parameter, Plan, Result, StringParameter
from bot.demo.jenkins.parameters import FileParameter, PasswordParameter, RunParameter, TextParameter
from tests.contract.standin_rig import READER, Rig, a_held_jenkins, queue_id

JOB = "/job/plain/"
BUILD = "/job/plain/1/"
HEAD = "9" * 40
MERGED = "5" * 40


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with a_held_jenkins(executors=2) as rig:
        rig.server.add_job("plain", duration_s=60.0)
        yield rig


async def run(rig: Rig, plan: Plan, *, for_s: float = 60.0) -> Any:
    """Let one more build of the job go as planned and for a while, and read it."""
    rig.server.on_build(lambda _: plan)
    assert await rig.post("/job/plain/build") == 201
    await rig.pass_s(for_s)
    return await rig.see("/job/plain/lastBuild/")


async def body(rig: Rig, path: str) -> bytes:
    """Read a page byte by byte."""
    return (await (await rig.ask("GET", path)).text("latin-1")).encode("latin-1")


def action(shown: Any, tail: str) -> Any:
    """Find the one action of a class."""
    [found] = [each for each in shown["actions"] if each and each.get("_class", "").endswith(tail)]
    return found


USER = Cause("gordon")


@pytest.mark.parametrize(
    ("cause", "kind", "own", "lines"),
    [
        pytest.param(
            USER,
            "hudson.model.Cause$UserIdCause",
            {"userId": "gordon", "userName": "gordon"},
            ["Started by user gordon"],
            id="user",
        ),
        pytest.param(
            Cause(None),
            "hudson.model.Cause$UserIdCause",
            {"userId": None, "userName": "anonymous"},
            ["Started by user anonymous"],
            id="user-without-id",
        ),
        pytest.param(
            Cause(None, "10.0.0.7", "nightly"),
            "hudson.model.Cause$RemoteCause",
            {"addr": "10.0.0.7", "note": "nightly"},
            ["Started by remote host 10.0.0.7 with note: nightly"],
            id="remote",
        ),
        pytest.param(
            by_upstream("ci/nightly", 7, USER),
            "hudson.model.Cause$UpstreamCause",
            {"upstreamBuild": 7, "upstreamProject": "ci/nightly", "upstreamUrl": "job/ci/job/nightly/"},
            [
                'Started by upstream project "ci/nightly" build number 7',
                "originally caused by:",
                " Started by user gordon",
            ],
            id="upstream",
        ),
        pytest.param(BY_TIMER, "hudson.triggers.TimerTrigger$TimerTriggerCause", {}, ["Started by timer"], id="timer"),
        pytest.param(BY_SCM, "hudson.triggers.SCMTrigger$SCMTriggerCause", {}, ["Started by an SCM change"], id="scm"),
        pytest.param(
            by_branch_event("Push event to branch main"),
            "jenkins.branch.BranchEventCause",
            {},
            ["Push event to branch main"],
            id="branch-event",
        ),
        pytest.param(BY_INDEXING, "jenkins.branch.BranchIndexingCause", {}, ["Branch indexing"], id="indexing"),
    ],
)
async def test_each_cause_has_its_class_its_keys_and_its_line_in_the_log(
    rig: Rig, cause: Cause, kind: str, own: dict[str, Any], lines: list[str]
) -> None:
    rig.server.trigger("plain", cause=cause)
    await rig.pass_s(1)
    [told] = action(await rig.see(BUILD), "CauseAction")["causes"]
    assert told == {"_class": kind, "shortDescription": lines[0], **own}
    assert (await rig.log(BUILD)).splitlines()[: len(lines)] == lines


async def test_the_name_of_a_user_stands_behind_a_note_in_the_stored_log(rig: Rig) -> None:
    """(J10)"""
    await run(rig, Plan())
    raw = await body(rig, f"{BUILD}logText/progressiveText?start=0")
    assert NOTE.search(raw.splitlines()[0])


CHECKOUTS = (
    Checkout(("https://github.com/ci/library",), "1" * 40),
    Checkout(
        ("https://github.com/moby/moby", "https://mirror/moby"),
        MERGED,
        "PR-7",
        marked=HEAD,
        changes=(Change(HEAD, "fix", "ab", "ab@example.org", ("x.go",)),),
        at_s=5.0,
    ),
)


async def test_each_checkout_has_its_build_data_and_a_local_merge_marks_the_head(rig: Rig) -> None:
    """(J25)"""
    shown = await run(rig, Plan(checkouts=CHECKOUTS))
    data = [each for each in shown["actions"] if each and each.get("_class", "").endswith("BuildData")]
    assert [each["remoteUrls"] for each in data] == [list(each.remotes) for each in CHECKOUTS]
    found = data[1]["buildsByBranchName"]["PR-7"]
    assert (found["marked"]["SHA1"], found["revision"]["SHA1"], found["buildNumber"]) == (HEAD, MERGED, 1)
    assert data[1]["lastBuiltRevision"] == {"SHA1": MERGED, "branch": [{"SHA1": MERGED, "name": "PR-7"}]}
    assert shown["changeSet"]["items"][0]["commitId"] == HEAD
    assert [each["fullName"] for each in shown["culprits"]] == ["ab"]


async def test_a_checkout_is_not_there_before_it_was_made(rig: Rig) -> None:
    shown = await run(rig, Plan(checkouts=CHECKOUTS), for_s=4.0)
    assert sum("BuildData" in each.get("_class", "") for each in shown["actions"]) == 1
    assert (shown["changeSet"]["items"], shown["culprits"]) == ([], [])


async def test_culprits_are_of_all_builds_since_the_last_success(rig: Rig) -> None:
    past: list[tuple[str, Result]] = [("a", "SUCCESS"), ("b", "FAILURE"), ("c", "UNSTABLE")]
    for name, result in past:
        made = Checkout(("r",), HEAD, changes=(Change(HEAD, author=name),))
        shown = await run(rig, Plan(result, checkouts=(made,)))
    assert [each["fullName"] for each in shown["culprits"]] == ["c", "b"]


async def test_actions_may_hold_nulls_and_things_without_anything(rig: Rig) -> None:
    shown = await run(rig, Plan(odd_actions=True))
    assert None in shown["actions"]
    assert {} in shown["actions"]


PARAMETERS: tuple[Parameter, ...] = (
    StringParameter("PR"),
    TextParameter("NOTES"),
    PasswordParameter("SECRET", "hunter2"),
    RunParameter("BASE", "ci/base", "ci/base#3"),
    FileParameter("PATCH"),
)


async def test_parameters_of_all_kinds_show_and_a_secret_shows_by_name_alone(rig: Rig) -> None:
    rig.server.add_job("full", parameters=PARAMETERS, quiet_period_s=100.0)
    form = {"PR": "7", "NOTES": "a\nb", "SECRET": "s3cret", "BASE": "ci/base#9"}
    answer = await rig.ask("POST", "/job/full/buildWithParameters", data=form)
    item = await rig.see(f"/queue/item/{queue_id(answer)}/")
    assert item["params"] == "\nPR=7\nNOTES=a\nb\nSECRET=****\nBASE=ci/base #9"
    values = {each["name"]: each for each in action(item, "ParametersAction")["parameters"]}
    assert "PATCH" not in values
    assert values["SECRET"] == {"_class": "hudson.model.PasswordParameterValue", "name": "SECRET"}
    assert values["BASE"] == {
        "_class": "hudson.model.RunParameterValue",
        "name": "BASE",
        "jobName": "ci/base",
        "number": "9",
    }
    job = await rig.ask("GET", "/job/full/api/json")
    assert "hunter2" not in await job.text()
    defined = next(each for each in (await job.json())["property"] if each)["parameterDefinitions"]
    assert [each["type"] for each in defined] == [
        f"{kind}ParameterDefinition" for kind in ("String", "Text", "Password", "Run", "File")
    ]
    assert await rig.post("/job/full/buildWithParameters", BASE="nonsense") == 500


async def test_a_parameter_that_the_job_no_longer_defines_is_hidden(rig: Rig) -> None:
    job = rig.server.add_job("old", parameters=(StringParameter("PR"), StringParameter("GONE")))
    assert await rig.post("/job/old/buildWithParameters", PR="7", GONE="x") == 201
    job.parameters = (StringParameter("PR"),)
    values = action(await rig.see("/job/old/1/"), "ParametersAction")["parameters"]
    assert [each["name"] for each in values] == ["PR"]


ESTIMATES = [
    pytest.param([], -1, id="unknown"),
    pytest.param([("SUCCESS", 10)], 10_000, id="one"),
    pytest.param([("SUCCESS", 10), ("FAILURE", 40)], 25_000, id="bad-ones-fill-up"),
    pytest.param([("FAILURE", 1), ("SUCCESS", 20), ("SUCCESS", 30), ("UNSTABLE", 40)], 30_000, id="good-ones-first"),
    pytest.param([("ABORTED", 5), ("NOT_BUILT", 5)], -1, id="no-complete-build"),
    pytest.param([("SUCCESS", 90), *[("FAILURE", 10)] * 8], 36_667, id="the-last-success-from-long-ago"),
]


@pytest.mark.parametrize(("past", "estimate_ms"), ESTIMATES)
async def test_the_estimate_is_the_mean_of_up_to_three(
    rig: Rig, past: list[tuple[Result, float]], estimate_ms: int
) -> None:
    for result, duration_s in past:
        await run(rig, Plan(result, duration_s=duration_s), for_s=duration_s)
    assert (await run(rig, Plan(duration_s=1.0), for_s=0))["estimatedDuration"] == estimate_ms


async def test_what_is_blocked_tells_by_what_and_for_how_long_though_it_was_buildable_before(rig: Rig) -> None:
    await run(rig, Plan(duration_s=600.0), for_s=600)
    job = rig.server.job("plain")
    job.concurrent = False
    job.parameters = (StringParameter("PR"),)
    rig.server.add_job("other", duration_s=30.0)
    rig.server.on_build(lambda starting: Plan(duration_s=600.0) if starting.job == "plain" else None)
    for _ in range(2):
        await rig.post("/job/other/build")
        await rig.pass_s(0)
    for number in ("1", "2"):
        await rig.post("/job/plain/buildWithParameters", PR=number)
    seen = [await waiting(rig)]
    await rig.pass_s(30)
    seen.append(await waiting(rig))
    buildable = ("$BuildableItem", "Waiting for next available executor")
    blocked = ("$BlockedItem", "Build #2 is already in progress (ETA: 10 min)")
    assert seen == [[buildable, buildable], [blocked]]


async def waiting(rig: Rig) -> list[tuple[str, str]]:
    items = (await rig.see("/queue/", "items[why]"))["items"]
    return [("$" + each["_class"].partition("$")[2], each["why"]) for each in items]


async def test_an_item_whose_build_could_not_be_made_keeps_no_executable_and_uses_its_number_up(rig: Rig) -> None:
    """(J7)"""
    rig.server.on_build(lambda starting: Plan(is_created=starting.number != 1))
    lost = queue_id(await rig.ask("POST", "/job/plain/build"))
    await rig.pass_s(200)
    item = await rig.see(f"/queue/item/{lost}/")
    assert (item["_class"], item["cancelled"], item["executable"]) == ("hudson.model.Queue$LeftItem", False, None)
    assert await rig.status(BUILD) == 404
    for _ in range(3):  # it holds no executor of the two
        await rig.post("/job/plain/build")
    assert (await rig.see(JOB, "builds[number]"))["builds"][0]["number"] == 3


async def test_builds_beyond_what_a_job_keeps_go_when_one_ends_and_the_last_good_ones_stay(rig: Rig) -> None:
    """(J22)"""
    rig.server.job("plain").keeps_builds = 2
    results: dict[int, Result] = {1: "SUCCESS", 2: "UNSTABLE", 3: "FAILURE", 4: "FAILURE"}
    rig.server.on_build(lambda starting: Plan(results.get(starting.number, "FAILURE"), duration_s=10.0))
    for number in range(1, 7):
        await rig.post("/job/plain/build")
        if number == 4:
            assert await rig.post("/job/plain/4/toggleLogKeep") == 302
        await rig.pass_s(10)
    job = await rig.see(
        JOB, "builds[number],lastStableBuild[number],lastSuccessfulBuild[number],lastFailedBuild[number]"
    )
    assert [each["number"] for each in job["builds"]] == [6, 5, 4, 2, 1]
    assert (job["lastStableBuild"]["number"], job["lastSuccessfulBuild"]["number"]) == (1, 2)
    assert await rig.status("/job/plain/3/api/json") == 404


@pytest.mark.parametrize(
    ("lost", "half", "old", "seen"),
    [
        pytest.param(False, False, False, (False, "ABORTED", True), id="orderly"),
        pytest.param(True, False, False, None, id="killed"),
        pytest.param(False, True, False, (False, "ABORTED", False), id="half-saved"),
        pytest.param(False, True, True, (False, "FAILURE", False), id="half-saved-before-2.448"),
    ],
)
async def test_a_restart_ends_or_loses_what_cannot_be_resumed(
    rig: Rig, lost: bool, half: bool, old: bool, seen: tuple[bool, str, bool] | None
) -> None:
    """(J7)"""
    faults = rig.server.faults
    faults.builds_lost_on_restart, faults.builds_half_saved, faults.half_saved_fail = lost, half, old
    await run(rig, Plan(log="one\n"), for_s=30)
    rig.server.begin_restart(10)
    await rig.pass_s(10)
    if seen is None:
        assert await rig.status(f"{BUILD}api/json") == 404
    else:
        shown = await rig.see(BUILD)
        told = (await rig.log(BUILD)).endswith("Finished: ABORTED\n")
        assert (shown["building"], shown["result"], told) == seen
        assert (shown["duration"] == 0) == half
    shown = await run(rig, Plan())
    assert shown["number"] == 2


async def page(rig: Rig, path: str) -> tuple[int, str]:
    answer = await rig.ask("GET", path)
    return answer.status, await answer.text()


@pytest.mark.parametrize(
    "path", ["/", "/api/json", "/job/plain/api/json", "/queue/api/json", "/nothing", f"{BUILD}stop"]
)
async def test_every_address_is_503_while_it_restarts_and_while_it_starts(rig: Rig, path: str) -> None:
    """(J15)"""
    rig.server.faults.loading_s = 10.0
    rig.server.begin_restart(30)
    status, words = await page(rig, path)
    assert (status, "Please wait while Jenkins is restarting" in words) == (503, True)
    rig.clock.pass_s(25)
    status, words = await page(rig, path)
    assert (status, "Starting Jenkins" in words, "getting ready to work" in words) == (503, True, True)
    rig.clock.pass_s(5)
    assert (await page(rig, path))[0] != 503


@pytest.mark.parametrize("status", [502, 504])
async def test_a_proxy_in_front_may_answer_in_its_place(rig: Rig, status: Any) -> None:
    """(J15)"""
    rig.server.faults.away_status = status
    rig.server.begin_restart(30)
    assert await rig.status("/job/plain/api/json") == status


async def test_a_safe_restart_waits_for_builds_and_tells_why_nothing_starts(rig: Rig) -> None:
    """(J27)"""
    await run(rig, Plan(duration_s=60.0), for_s=30)
    before = (await rig.ask("GET", "/")).headers["X-Jenkins-Session"]
    assert await rig.status("/safeRestart") == 200
    assert not (await rig.see("/", "quietingDown"))["quietingDown"]
    assert await rig.post("/safeRestart", message="new plugins") == 302
    shown = await rig.see("/", "quietingDown,quietDownReason")
    assert (shown["quietingDown"], shown["quietDownReason"]) == (True, "new plugins")
    item = queue_id(await rig.ask("POST", "/job/plain/build"))
    await rig.pass_s(1)
    assert (await rig.see(f"/queue/item/{item}/"))["why"] == "Jenkins is about to shut down"
    await rig.pass_s(29)
    assert (await rig.see(BUILD))["result"] == "SUCCESS"
    await rig.pass_s(10)
    assert await rig.status("/") == 503
    await rig.pass_s(rig.server.faults.restart_s)
    assert (await rig.ask("GET", "/")).headers["X-Jenkins-Session"] != before
    assert (await rig.see("/job/plain/2/"))["queueId"] == item


async def test_a_safe_restart_can_be_called_off(rig: Rig) -> None:
    await rig.post("/safeRestart")
    await rig.post("/cancelQuietDown")
    await rig.pass_s(100)
    assert await rig.status("/") == 200
    assert await rig.post("/safeRestart", READER) == 403


def keep(shown: Any) -> Any:
    return shown["keepLog"]


def described(shown: Any) -> Any:
    return shown["description"]


def named(shown: Any) -> Any:
    return shown["displayName"], shown["fullDisplayName"], shown["number"]


NAMING = {"json": json.dumps({"displayName": "release \x02bold", "description": ""})}


@pytest.mark.parametrize(
    ("page", "form", "read", "value"),
    [
        pytest.param("toggleLogKeep", {}, keep, True, id="keep"),
        pytest.param(
            "submitDescription", {"description": "flaky\r\nagain"}, described, "flaky\r\nagain", id="described"
        ),
        pytest.param("configSubmit", NAMING, named, ("release \x02bold", "plain release \x02bold", 1), id="J29-named"),
    ],
)
async def test_anybody_with_the_right_may_change_what_a_build_says_of_itself(
    rig: Rig, page: str, form: dict[str, str], read: Callable[[Any], Any], value: Any
) -> None:
    await run(rig, Plan())
    before = read(await rig.see(BUILD))
    assert await rig.post(f"{BUILD}{page}", READER, **form) == 403
    assert read(await rig.see(BUILD)) == before != value
    assert await rig.post(f"{BUILD}{page}", **form) == 302
    assert read(await rig.see(BUILD)) == value


async def test_a_deleted_build_leaves_a_gap(rig: Rig) -> None:
    """(J22)"""
    for _ in range(3):
        await run(rig, Plan(duration_s=1.0), for_s=1)
    assert await rig.post("/job/plain/2/doDelete") == 302
    assert [each["number"] for each in (await rig.see(JOB, "builds[number]"))["builds"]] == [3, 1]
    shown = await rig.see("/job/plain/3/", "previousBuild[number],nextBuild[number]")
    assert (shown["previousBuild"]["number"], shown["nextBuild"]) == (1, None)


BYTES = b"caf\xe9 \xff\n\x1b[31mred\x1b[0m\n10%\r50%\rdone\nwin\r\n" + b"a\x1b[8mha:AAAA\x1b[0mb\n"


async def test_a_log_is_given_as_it_is_stored_whatever_it_holds(rig: Rig) -> None:
    """(J10) (J11)"""
    await run(rig, Plan(log=BYTES, late_log="said by a late writer"))
    raw = await body(rig, f"{BUILD}consoleText")
    assert NOTE.sub(b"", BYTES) in raw
    assert raw.endswith(b"Finished: SUCCESS\nsaid by a late writer\n")
    text = await body(rig, f"{BUILD}logText/progressiveText?start=0")
    assert b"\nwin\r\na" in text  # a line end of two characters does not become one of three
    assert b"\x1b[8mha:AAAA" in text
    assert "caf\ufffd \ufffd\r\n".encode() in text


async def test_the_html_of_a_log_is_escaped_and_has_no_notes(rig: Rig) -> None:
    await run(rig, Plan(log="<script>&\n"))
    answer = await rig.ask("GET", f"{BUILD}logText/progressiveHtml?start=0")
    assert answer.headers["Content-Type"].startswith("text/html")
    words = await answer.text()
    assert "&lt;script&gt;&amp;" in words
    assert "\x1b" not in words


@pytest.mark.parametrize("size", [-2147483648, 12])
async def test_a_compressed_log_may_tell_a_wrong_size(rig: Rig, size: int) -> None:
    await run(rig, Plan(log="one\n"))
    rig.server.job("plain").builds[1].shown_size = size
    answer = await rig.ask("GET", f"{BUILD}logText/progressiveText?start=0")
    assert answer.headers["X-Text-Size"] == str(size)
    assert (await answer.text()).endswith("Finished: SUCCESS\r\n")


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("?time=HH:mm:ss&appendLog", "00:01:00  two"),
        ("?time=yyyy-MM-dd'T'HH:mm:ss.SSS", "2026-08-22T00:01:00.000"),
        ("?appendLog", "60.000  two"),
    ],
)
async def test_the_moments_of_lines_are_kept_apart_from_the_log(rig: Rig, query: str, line: str) -> None:
    await run(rig, Plan(log="one\ntwo\n"))
    assert line in (await (await rig.ask("GET", f"{BUILD}timestamps/{query}")).text()).splitlines()
    assert "00:01:00" not in await rig.log(BUILD)
    rig.server.plugins.discard("timestamper")
    assert await rig.status(f"{BUILD}timestamps/{query}") == 404


def test_a_pattern_of_moments_keeps_its_quoted_text() -> None:
    moment = datetime(2026, 8, 22, 9, 5, 7, 120_000, tzinfo=UTC)
    assert clock_time("HH'h'mm'm' SSS", moment) == "09h05m 120"


async def test_head_answers_without_a_body(rig: Rig) -> None:
    answer = await rig.ask("HEAD", "/job/plain/api/json")
    assert (answer.status, await answer.text()) == (200, "")
    assert "X-Jenkins" in answer.headers


async def test_artifacts_are_listed(rig: Rig) -> None:
    shown = await run(rig, Plan(artifacts=("bundles/out.tgz",)))
    assert shown["artifacts"] == [
        {"displayPath": "bundles/out.tgz", "fileName": "out.tgz", "relativePath": "bundles/out.tgz"}
    ]


async def test_a_stopped_build_names_who_stopped_it(rig: Rig) -> None:
    """(J19)"""
    await run(rig, Plan(), for_s=5)
    await rig.post(f"{BUILD}stop")
    shown = await rig.see(BUILD)
    assert shown["result"] == "ABORTED"
    assert [each["shortDescription"] for each in action(shown, "InterruptedBuildAction")["causes"]] == [
        "Aborted by gordon"
    ]
