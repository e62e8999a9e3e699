"""Fuzz of what Jenkins answers (J9, J15, J29, J31): it ends in a value or in an error of ours, and never hangs.

Real answers are changed here and there, and then perhaps the bytes of them. `GORDON_FUZZ` tells how many (5,000),
`GORDON_SEED` which.
"""

import asyncio
import json
import os
import random
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.adapters import jenkins_builds as builds
from bot.adapters import jenkins_nodes as nodes
from bot.adapters import jenkins_reports as reports
from bot.adapters.jenkins import Jenkins
from bot.adapters.jenkins_jobs import read_job
from bot.adapters.jenkins_logs import LineEnds, LogState, read_state
from bot.adapters.jenkins_wire import CONTROL, Unreadable, read_crumb, read_item_id, read_object, read_url
from bot.clock import SystemClock
from bot.errors import Refused, Unavailable, Unsure, UserError
from bot.ports import Order
from bot.settings import JenkinsSettings
from bot.values import BuildRef, JobRef, Node, NodeRef, PipelineStage, Stop, TestReport
from tests.scripted_jenkins import OWN, answer, scripted_jenkins

FUZZ = int(os.environ.get("GORDON_FUZZ", "5000"))
SEED = int(os.environ.get("GORDON_SEED", "1"))
OVER_HTTP = FUZZ // 8
ROOT = "http://ci.local/jenkins/"
JOB = JobRef("ci", "infra/moby-pr")
REF = BuildRef(JOB, 42)
SHA = "9f1c" * 10

BUILD: dict[str, Any] = {
    "_class": "hudson.matrix.MatrixBuild",
    "number": 42,
    "url": "https://ci.example.org/job/infra/job/moby-pr/42/",
    "queueId": 8123,
    "building": False,
    "inProgress": False,
    "result": "FAILURE",
    "timestamp": 1755870010001,
    "duration": 912345,
    "estimatedDuration": -1,
    "builtOn": "arm-7",
    "runs": [{"number": 42, "url": "https://ci/job/infra/job/moby-pr/A=b/42/", "result": None, "building": True}],
    "actions": [
        {"parameters": [{"name": "PR", "value": "41877"}, {"name": "FAST", "value": True}]},
        {"causes": [{"_class": "hudson.model.Cause$UserIdCause", "shortDescription": "Started", "userId": "g"}]},
        {},
        {
            "lastBuiltRevision": {"SHA1": SHA},
            "remoteUrls": ["https://github.com/moby/moby"],
            "buildsByBranchName": {"PR-7": {"buildNumber": 42, "marked": {"SHA1": SHA}, "revision": {"SHA1": SHA}}},
        },
        {"failCount": 2, "skipCount": 5, "totalCount": 911},
    ],
}
ITEM = {
    "id": 8123,
    "inQueueSince": 1755870000123,
    "why": "Waiting for next available executor on \u2018linux\u2019",
    "cancelled": False,
    "task": {"url": "https://ci.example.org/job/infra/job/moby-pr/"},
    "executable": {"number": 42, "url": "https://ci.example.org/job/infra/job/moby-pr/42/"},
    "actions": BUILD["actions"][:2],
}
NODE = {
    "_class": "hudson.slaves.SlaveComputer",
    "displayName": "arm-7",
    "offline": True,
    "temporarilyOffline": True,
    "offlineCauseReason": "disk\r\nfull",
    "numExecutors": 2,
    "assignedLabels": [{"name": "arm-7"}, {"name": "kernel:4.2"}],
    "executors": [{"currentExecutable": BUILD}, {"currentExecutable": None}, {}],
    "oneOffExecutors": [{"currentExecutable": {"url": "https://ci.example.org/job/p/5/"}}],
}
CASE = {"className": "p.S", "name": "t", "status": "FAILED", "age": 2, "failedSince": 41, "errorDetails": "a\nb"}
REPORT = {"failCount": 1, "passCount": 904, "skipCount": 5, "suites": [{"cases": [CASE, {**CASE, "status": "PASSED"}]}]}
CELLS = {
    "failCount": 1,
    "skipCount": 0,
    "totalCount": 9,
    "childReports": [{"child": BUILD["runs"][0], "result": REPORT}],
}
STAGE = {"name": "Unit", "status": "FAILED", "durationMillis": 15, "error": {"message": "exit 1", "type": "x"}}
BRANCH = {"name": "PR-7", "fullName": "r/PR-7", "nextBuildNumber": 43, "firstBuild": {"number": 1}, "builds": [BUILD]}
KINDS = [{"name": "D", "type": "ChoiceParameterDefinition", "choices": ["a", "b"]}]
PLAIN = nodes.Tags({})

# What is asked, by its path; an answer to it; and who reads it.
Reader = Callable[[dict[str, Any]], object]
DOCUMENTS: dict[str, tuple[dict[str, Any], Reader]] = {
    "build": (BUILD, lambda raw: builds.read_build(raw, REF, ROOT)),
    "builds": ({"allBuilds": [BUILD, BUILD]}, lambda raw: builds.read_builds(raw, JOB, ROOT)),
    "newest": (
        {"nextBuildNumber": 43, "firstBuild": {"number": 3}, "allBuilds": [BUILD]},
        lambda raw: builds.read_newest(raw, JOB, ROOT),
    ),
    "branches": ({"jobs": [BRANCH, {"name": "folder"}]}, lambda raw: builds.read_branches(raw, JOB, ROOT)),
    "item": (ITEM, lambda raw: builds.read_item(raw, JOB, ROOT)),
    "queue": ({"items": [ITEM, ITEM]}, lambda raw: builds.read_queue(raw, "ci", ROOT)),
    "node": (NODE, lambda raw: nodes.read_node(raw, "ci", ROOT, PLAIN)),
    "nodes": ({"computer": [NODE, NODE]}, lambda raw: nodes.read_nodes(raw, "ci", ROOT, PLAIN)),
    "running": ({"computer": [NODE]}, lambda raw: nodes.read_running(raw, "ci", ROOT)),
    "report": (REPORT, lambda raw: reports.read_report(raw, 42)),
    "report of cells": (CELLS, lambda raw: reports.read_report(raw, 42)),
    "counts": (BUILD, reports.read_counts),
    "stages": ({"stages": [STAGE, STAGE]}, reports.read_stages),
    "job": ({"fullName": "a/b", "buildable": True, "property": [{}, {"parameterDefinitions": KINDS}]}, read_job),
    "crumb": ({"crumb": "ab12", "crumbRequestField": "Jenkins-Crumb"}, read_crumb),
    "controller": ({"quietingDown": True, "quietDownReason": "upgrade"}, dict),
}
# fmt: off
LEAVES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 42, 1.5, 1e308, float("nan"), float("inf"), 2**31, 2**53 + 1, 2**63, 10**40, -(10**40),
    "", " ", "SUCCESS", "FAILED", "a\r\nPRIVMSG #x :y", "\x00", "\x1b[31m", "\u2028", "\u202e", "\ud800", "\U0010ffff",
    "x" * 5000, "../..", "%2F%0A", "https://ci/job/a/job/%2E%2E/1/", "https://ci/job/m/A=%0A/42/", "42", "9" * 400,
    "/job/a" * 9000 + "?", "ş" * 9, "http://[::1", "javascript:alert(1)",
    [], {}, [[]], [None], [{}], {"": ""}, [1, {}], {"a": {"b": []}},
)
# fmt: on
TEXTS = tuple(each for each in LEAVES if isinstance(each, str))
LINES = (
    b"",
    b"\r",
    b"\n",
    b"\r\n",
    b"ok\r\n",
    b"\x1b[8mha:AAAA\x1b[0m",
    b"\xff\xfe",
    "€".encode(),
    b"\x00",
    b"x" * 70_000,
)


def places_in(document: Any) -> Iterator[tuple[Any, Any]]:
    """Go through every place of a document: what it is in, and under which key."""
    keys = list(document) if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in keys:
        yield document, key
        yield from places_in(document[key])


def changed(document: Any, dice: random.Random) -> Any:
    """Copy a document, with one place of it become something else."""
    copy = json.loads(json.dumps(document))
    places = list(places_in(copy))
    if not places:
        return dice.choice(LEAVES)
    place, key = dice.choice(places)
    inner = place[key]
    match dice.randrange(5):
        case 0:
            del place[key]
        case 1 if isinstance(place, list):
            place.extend([inner] * dice.choice((1, 3, 100)))
        case 2:
            place[key] = [inner]
        case _:
            place[key] = dice.choice(LEAVES)
    return copy


def mangled(body: bytes, dice: random.Random) -> bytes:
    """Break the bytes of some answers."""
    match dice.randrange(12):
        case 0:
            return body[: dice.randrange(len(body) + 1)]
        case 1:
            at = dice.randrange(len(body) + 1)
            return body[:at] + dice.randbytes(dice.randrange(1, 9)) + body[at:]
        case 2:
            return dice.choice((b"", b"<html>log in</html>", b"[" * 50_000, b'{"a":' * 50_000, b"\xef\xbb\xbf" + body))
    return body


def body_of(document: dict[str, Any], dice: random.Random) -> bytes:
    for _ in range(dice.choice((1, 1, 2, 5))):
        if isinstance(document, dict):
            document = changed(document, dice)
    return mangled(json.dumps(document, ensure_ascii=dice.random() < 0.7).encode("utf-8", "surrogatepass"), dice)


def dice_of(number: int) -> random.Random:
    return random.Random(SEED * 3_000_017 + number)


def must_be_clean(found: object) -> None:
    """See that what people are shown of nodes, tests and stages is short and has no control characters in it."""
    shown: list[str] = []
    match found:
        case [*several]:
            for each in several:
                must_be_clean(each)
        case Node():
            shown = [found.ref.name, found.reason, *found.labels, *found.tags.values()]
        case TestReport():
            assert min(found.failed, found.passed, found.skipped) >= 0
            shown = [text for test in found.failures for text in (test.name, test.details, test.cell)]
        case PipelineStage():
            shown = [found.name, found.error]
    assert [text for text in shown if CONTROL.search(text) or len(text) > 700] == []


def test_no_body_breaks_a_reader() -> None:
    read = 0
    for number in range(FUZZ):
        dice = dice_of(number)
        document, reader = dice.choice(list(DOCUMENTS.values()))
        try:
            found = reader(read_object(body_of(document, dice)))
        except Unreadable:
            continue
        must_be_clean(found)
        read += 1
    assert read > FUZZ // 3  # otherwise it was all noise


def test_no_header_or_log_breaks_a_reader() -> None:
    states = set()
    for number in range(FUZZ):
        dice = dice_of(number)
        words = ("", "0", "81", "-7", "true", "TRUE", "false", "x", "9" * 30, "٣", "0x1", " 0 ")
        states.add(read_state({name: dice.choice(words) for name in ("X-Text-Size", "X-More-Data")}))
        text = dice.choice(words) + dice.choice(TEXTS)
        for url in (text, f"{ROOT}job/{text}/{text}/", f"queue/item/{text}/"):
            read_url(url)
            read_item_id(url)
        pieces = [dice.choice(LINES) for _ in range(dice.randrange(6))]
        ends = LineEnds()
        assert b"".join([*map(ends.take, pieces), ends.end()]) == b"".join(pieces).replace(b"\r\n", b"\n")
    assert states == {None, *LogState}


async def whole_log(jenkins: Jenkins) -> bytes:
    return b"".join([piece async for piece in jenkins.log(REF)])


ORDER = Order(JOB, {"PR": "41877", "D": "a"}, "k7f2", {"PR": "41877"})
NODE_REF = NodeRef("ci", "arm-7")
CALLS: dict[str, tuple[str, Callable[[Jenkins], Awaitable[object]]]] = {
    "build": ("build", lambda j: j.build(REF)),
    "came of": ("builds", lambda j: j.came_of(JOB, 8123)),
    "newest": ("newest", lambda j: j.newest(JOB)),
    "branches": ("branches", lambda j: j.branches(JOB)),
    "item": ("item", lambda j: j.queued(JOB, 8123)),
    "queue": ("queue", lambda j: j.queue()),
    "running": ("running", lambda j: j.running()),
    "nodes": ("nodes", lambda j: j.nodes()),
    "mark": ("node", lambda j: j.set_node(NODE_REF, offline=True, reason="x\ny")),
    "unmark": ("node", lambda j: j.set_node(NODE_REF, offline=False, reason="")),
    "tests": ("report of cells", lambda j: j.tests(REF)),
    "stages": ("stages", lambda j: j.stages(REF)),
    "quieting": ("controller", lambda j: j.quieting()),
    "log": ("build", whole_log),
    "stop": ("build", lambda j: j.stop(REF, Stop.TERM)),
    "live": ("builds", lambda j: j.live(JOB, {"PR": "41877", "GIT_SHA1": SHA}, SHA)),
    "latest": ("builds", lambda j: j.latest(JOB, {"PR": "41877"}, SHA)),
    "find": ("builds", lambda j: j.find(ORDER, datetime(2025, 1, 1, tzinfo=UTC))),
    "start": ("job", lambda j: j.trigger(ORDER)),
    "model": ("build", lambda j: j.model(REF)),
    "check": ("job", lambda j: j.check([JOB])),
    "cancel": ("item", lambda j: j.cancel_queued(8123)),
}
STATUSES = (
    *[200] * 20,
    *(204, 201, 301, 302, 303, 304, 400, 401, 403, 404, 404, 405, 409, 422, 429, 500, 502, 503, 599, 999),
)
DATES = (
    *("", "Thu, 22 Nov 2026 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "0", ",,,"),
    "Thu, 1 Jan 0001 00:00:00 +9999",
)
OK = b"HTTP/1.1 200 OK\r\n"
HEADS = (
    *(b"", b"HTTP/1.1\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n", b"HTTP/1.1 20x OK\r\n\r\n", b"SSH-2.0-OpenSSH\r\n"),
    OK + b"Content-Length: -1\r\n\r\n",
    OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    OK + b": x\r\n\r\n",
    OK + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"\x00" * 100,
)


def answered(path: str, document: str, dice: random.Random) -> bytes:
    """Answer a question on the way to another one often as Jenkins does, so that the other one is asked, too."""
    asked = document
    if "depth=" in path or "parameterDefinitions" in path:
        asked = "job"
    elif path.startswith("/queue/api"):
        asked = "queue"
    if asked != document and dice.random() < 0.8:
        return answer(json.dumps(DOCUMENTS[asked][0]).encode())
    return response(DOCUMENTS[asked][0], dice)


def response(document: dict[str, Any], dice: random.Random) -> bytes:
    """Make an answer: its head rather often that of Jenkins, or else nearly no HTTP."""
    if dice.random() < 0.1:
        return dice.choice(HEADS)
    headers = {
        **(OWN if dice.random() < 0.9 else {}),
        "X-Text-Size": dice.choice(("", "0", "81", "-1", "x")),
        "X-More-Data": dice.choice(("", "", "", "true")),
        "Date": dice.choice(DATES),
        "Location": dice.choice(("", "", "..", "http://[", "https://login.example.org/", "//x", "\u00ff")),
        "X-Jenkins-Session": dice.choice(("", "a1b2", "c3d4", "x" * 3000)),
        "X-Required-Permission": dice.choice(("", "hudson.model.Item.Cancel", "\x1b[31m\x07", "x" * 3000)),
        "Set-Cookie": dice.choice(("", "JSESSIONID=x; path=/", ";;=", "a")),
    }
    body = body_of(document, dice)
    length = len(body) + (dice.choice((-1, 1, 1000)) if dice.random() < 0.05 else 0)
    lines = [f"HTTP/1.1 {dice.choice(STATUSES)} {dice.choice(('OK', '', 'No valid crumb was included'))}"]
    lines += [f"Content-Length: {max(0, length)}", *(f"{name}: {value}" for name, value in headers.items() if value)]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body


async def test_no_answer_breaks_the_adapter(caplog: pytest.LogCaptureFixture) -> None:
    """Each call ends within its deadlines: in a value, or in one of the errors that say whose turn it is."""
    told: dict[str, Any] = {}
    ends: dict[str, int] = {}
    said: list[str] = []
    async with scripted_jenkins(lambda _, path: answered(path, told["document"], told["dice"])) as server:
        settings = JenkinsSettings(url=server.url, user="gordon", timeout_s=2.0)
        jenkins = Jenkins("ci", settings, "secret-token", SystemClock())
        for number in range(OVER_HTTP):
            dice = dice_of(number)
            document, call = dice.choice(list(CALLS.values()))
            told |= {"document": document, "dice": dice}
            try:
                async with asyncio.timeout(60):
                    must_be_clean(await call(jenkins))
                end = "value"
            except (UserError, Refused, Unavailable, Unsure) as error:
                end = type(error).__name__
                said.append(str(error))
            ends[end] = ends.get(end, 0) + 1
        await jenkins.close()
    assert [words for words in said if CONTROL.search(words)] == []
    assert "secret-token" not in caplog.text + "".join(said)
    assert min(ends.get(end, 0) for end in ("value", "UserError", "Refused", "Unavailable")) > 0
    assert ends["value"] > OVER_HTTP // 10
