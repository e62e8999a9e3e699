"""What Jenkins says, read: names, queue items, builds, and any nonsense without a surprise."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters import jenkins_builds as builds
from bot.adapters import jenkins_jobs as jobs
from bot.adapters import jenkins_nodes as nodes
from bot.adapters import jenkins_wire as wire
from bot.errors import UserError
from bot.values import BuildRef, JobRef, Result

ROOT = "http://ci.local/jenkins/"
JOB = JobRef("ci", "infra/moby-pr")
REF = BuildRef(JOB, 42)

URLS = [
    pytest.param("https://ci.example.org/job/moby-pr/", ("moby-pr", None), id="job"),
    pytest.param("https://ci.example.org/jenkins/job/a/job/b/42/", ("a/b", 42), id="build below a context path"),
    pytest.param("/job/a%20b/7", ("a b", 7), id="space"),
    pytest.param("/job/moby/job/feature%252Fx/3/", ("moby/feature%2Fx", 3), id="branch"),
    pytest.param("/job/job/job/job/5/", ("job/job", 5), id="folder called job"),
    pytest.param("/job/x/A=v,B=w/12/", ("x", 12), id="cell of a matrix"),
    pytest.param("/job/x/default/12/", ("x", 12), id="the only cell"),
    pytest.param("/job/2024/", ("2024", None), id="job called by a number"),
    pytest.param("/job/a/job/%2E%2E/1/", None, id="traversal"),
    pytest.param("/job/a%2Fb/1/", None, id="slash inside a name"),
    pytest.param("/job/a%0Ab/1/", None, id="newline"),
    pytest.param("/computer/(built-in)/", None, id="no job"),
    pytest.param("/job/a/99999999999/", None, id="number out of bounds"),
    pytest.param(None, None, id="nothing"),
    pytest.param(["/job/a/"], None, id="a list"),
    pytest.param("/job/a" * 100_000 + "?", None, id="an address that would take for ever"),
]


@pytest.mark.parametrize(("url", "told"), URLS)
def test_an_address_tells_job_and_number_only(url: object, told: tuple[str, int | None] | None) -> None:
    assert wire.read_url(url) == told


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4))
def test_a_name_survives_its_address_or_is_refused(segments: list[str]) -> None:
    name = "/".join(segments)
    try:
        path = wire.job_path(name)
    except UserError:
        return
    assert wire.read_url(f"{ROOT}{path}42/") == (name, 42)


LOCATIONS = [
    pytest.param("http://other.host/queue/item/8123/", 8123, id="another host"),
    pytest.param("queue/item/8123", 8123, id="relative"),
    pytest.param("http://ci/job/queue/", None, id="job page"),
    pytest.param("http://ci/queue/item/x/", None, id="no number"),
    pytest.param("http://ci/queue/item/1234567890123456789012/", None, id="too large"),
    pytest.param("", None, id="empty"),
    pytest.param(None, None, id="none"),
]


@pytest.mark.parametrize(("location", "queue_id"), LOCATIONS)
def test_a_location_tells_the_queue_id_only(location: str | None, queue_id: int | None) -> None:
    assert wire.read_item_id(location) == queue_id


BUILD: dict[str, Any] = {
    "_class": "hudson.model.FreeStyleBuild",
    "number": 42,
    "url": "https://old.example.org/job/infra/job/moby-pr/42/",
    "queueId": 8123,
    "building": False,
    "inProgress": False,
    "result": "FAILURE",
    "timestamp": 1755870010001,
    "duration": 912345,
    "estimatedDuration": 1800000,
    "builtOn": "arm-7",
    "actions": [
        {
            "_class": "hudson.model.CauseAction",
            "causes": [{"shortDescription": "Started by user gordon", "userId": "Gordon"}],
        },
        {},
        None,
        {"_class": "new.plugin.Action", "causes": 3, "parameters": {}},
        {
            "_class": "hudson.model.ParametersAction",
            "parameters": [
                {"name": "PR", "value": "41877"},
                {"name": "FAST", "value": True},
                {"name": "N", "value": 3},
                {"_class": "hudson.model.PasswordParameterValue", "name": "SECRET"},
                None,
            ],
        },
    ],
}


def test_a_build_is_read_with_its_address_on_our_own_root() -> None:
    build = builds.read_build(BUILD, REF, ROOT)
    assert build.url == "http://ci.local/jenkins/job/infra/job/moby-pr/42/"
    assert (build.result, build.finished, build.queue_id, build.node) == (Result.FAILURE, True, 8123, "arm-7")
    assert build.parameters == {"PR": "41877", "FAST": "true", "N": "3"}
    assert build.started_at == datetime(2025, 8, 22, 13, 40, 10, 1000, UTC)
    assert (build.duration_s, build.estimate_s, build.causes) == (912.345, 1800.0, ("Started by user gordon",))


ENDS = [
    pytest.param({"building": True, "inProgress": True, "result": None}, None, False, id="running"),
    pytest.param({"building": True, "result": "FAILURE"}, Result.FAILURE, False, id="result before the end"),
    pytest.param({"inProgress": True}, Result.FAILURE, False, id="log still open"),
    pytest.param({"inProgress": None}, Result.FAILURE, True, id="old core without inProgress"),
    pytest.param({"building": None}, Result.FAILURE, False, id="nothing said"),
    pytest.param({"result": "EXPLODED"}, None, True, id="unknown result"),
    pytest.param({"result": ["FAILURE"]}, None, True, id="hostile result"),
]


@pytest.mark.parametrize(("change", "result", "finished"), ENDS)
def test_a_result_is_not_yet_an_end(change: dict[str, Any], result: Result | None, finished: bool) -> None:
    build = builds.read_build(BUILD | change, REF, ROOT)
    assert (build.result, build.finished) == (result, finished)


CAUSES = [
    pytest.param([{"_class": "hudson.model.Cause$UserIdCause", "userId": "Gordon"}], {"gordon"}, id="user"),
    pytest.param(
        [{"_class": "x$UserIdCause", "userId": "a"}, {"_class": "x$UserIdCause", "userId": "b"}],
        {"a", "b"},
        id="folded",
    ),
    pytest.param([{"_class": "x$TimerTriggerCause"}], set(), id="timer"),
    pytest.param([{"_class": "x$UserIdCause", "userId": None}], None, id="hidden user"),
    pytest.param([{"shortDescription": "Started"}], None, id="no class"),
    pytest.param([{}, None, 3], None, id="nonsense"),
    pytest.param([], None, id="none"),
]


@pytest.mark.parametrize(("causes", "users"), CAUSES)
def test_causes_tell_who_asked_or_that_they_do_not(causes: list[Any], users: set[str] | None) -> None:
    [seen] = builds.read_builds({"allBuilds": [{"number": 1, "actions": [{"causes": causes}]}]}, JOB, ROOT)
    assert seen.users == users


ITEMS = [
    pytest.param({}, (None, False), id="waiting"),
    pytest.param({"cancelled": True, "executable": None}, (None, True), id="cancelled"),
    pytest.param({"cancelled": False, "executable": None}, (None, False), id="left without a build yet"),
    pytest.param({"executable": {"number": 42, "url": "http://x/"}}, (REF, False), id="started"),
    pytest.param({"executable": {"number": -1}}, (None, False), id="hostile number"),
    pytest.param({"executable": {}}, (None, False), id="empty executable"),
]


@pytest.mark.parametrize(("change", "told"), ITEMS)
def test_a_queue_item_is_read_in_every_stage(change: dict[str, Any], told: tuple[BuildRef | None, bool]) -> None:
    item = builds.read_item(
        {"id": 8123, "why": "In the quiet period", "inQueueSince": 1755870010001} | change, JOB, ROOT
    )
    assert (item.build, item.cancelled) == told
    assert (item.url, item.gone) == (f"{ROOT}queue/item/8123/", False)


def test_an_item_of_a_job_without_a_name_is_left_out() -> None:
    items = [
        {"id": 1, "task": {"url": "http://x/computer/y/"}},
        {"id": 2, "task": {"url": "http://x/job/a/"}},
        None,
        {"id": 3},
    ]
    assert [seen.what.id for seen in builds.read_queue({"items": items}, "ci", ROOT)] == [2]


def test_what_runs_is_listed_once_even_in_several_executors() -> None:
    pipeline = {"url": "http://x/job/p/5/", "number": 5, "building": True}
    placeholder = {"url": "http://x/job/p/5/"}
    cell = {"url": "http://x/job/m/A=b/7/", "number": 7}
    computers = [
        {"displayName": "Built-In Node", "executors": [{}], "oneOffExecutors": [{"currentExecutable": pipeline}]},
        {"displayName": "arm-7", "executors": [{"currentExecutable": placeholder}, {"currentExecutable": cell}, None]},
        {"displayName": "arm-8", "executors": [{"currentExecutable": None}, {"currentExecutable": cell}]},
    ]
    running = nodes.read_running({"computer": computers}, "ci", ROOT)
    assert [(str(build.ref), build.node) for build in running] == [("p#5", "Built-In Node"), ("m#7", "arm-7")]


def test_a_job_tells_its_parameters_among_empty_properties() -> None:
    kinds = [
        {"name": "FAST", "type": "BooleanParameterDefinition"},
        {"name": "D", "type": "ChoiceParameterDefinition", "choices": ["a", "b", 3]},
        {"name": "SECRET", "type": "PasswordParameterDefinition"},
        {},
        {"name": 1},
    ]
    facts = jobs.read_job({"fullName": "Infra/X", "property": [{}, None, {"parameterDefinitions": kinds}]})
    assert (facts.full_name, facts.buildable, facts.takes_parameters) == ("Infra/X", True, True)
    assert facts.definitions == {
        "FAST": jobs.Definition("FAST", "Boolean"),
        "D": jobs.Definition("D", "Choice", ("a", "b")),
        "SECRET": jobs.Definition("SECRET", "Password"),
    }


SENT = [
    pytest.param({"FAST": "TRUE"}, {"FAST": True}, True, id="as Jenkins writes a boolean"),
    pytest.param({"NOTE": " a "}, {"NOTE": "a"}, True, id="trimmed"),
    pytest.param({"NOTE": " a "}, {"NOTE": " a "}, True, id="not trimmed"),
    pytest.param({"NOTE": "a"}, {"NOTE": "b"}, False, id="another value"),
    pytest.param({"NOTE": "a"}, {}, False, id="another build without it"),
    pytest.param({"SECRET": "s"}, {}, True, id="a password is told to nobody"),
    pytest.param({"OLD": "s"}, {}, True, id="not declared and so not taken"),
]


@pytest.mark.parametrize(("sent", "told", "fits"), SENT)
def test_a_build_is_known_by_what_jenkins_tells_again(sent: dict[str, str], told: dict[str, Any], fits: bool) -> None:
    """Read as another's, a build of ours would be started again."""
    kinds = {"FAST": "Boolean", "NOTE": "String", "SECRET": "Password"}
    declared = [{"name": name, "type": f"{kind}ParameterDefinition"} for name, kind in kinds.items()]
    facts = jobs.read_job({"name": "x", "property": [{"parameterDefinitions": declared}]})
    parameters = [{"name": name, "value": value} for name, value in told.items()]
    build = builds.read_build({"number": 1, "actions": [{"parameters": parameters}]}, REF, ROOT)
    assert builds.fits(build, jobs.told_again(facts, sent)) is fits


@pytest.mark.parametrize("raw", [{}, {"property": []}, {"name": ""}, {"name": 7, "fullName": None}], ids=str)
def test_an_object_without_a_name_is_no_job_without_parameters(raw: dict[str, Any]) -> None:
    """Trap 15: nothing would be sent to such a job, and nothing be known of its builds."""
    with pytest.raises(wire.Unreadable):
        jobs.read_job(raw)


BODIES = [b"", b"<html>", b"[]", b"3", b"null", b"\xff", b'{"a":', b"[" * 100_000, b'"\\ud800"', b'{"a":1}{']


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:8]))
def test_what_is_no_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(wire.Unreadable):
        wire.read_object(body)


# fmt: off
KEYS = [
    "items", "id", "task", "url", "executable", "number", "cancelled", "why", "inQueueSince", "actions",
    "parameters", "name", "value", "causes", "userId", "_class", "shortDescription", "allBuilds",
    "building", "inProgress", "result", "timestamp", "duration", "estimatedDuration", "builtOn",
    "queueId", "computer", "displayName", "executors", "oneOffExecutors", "currentExecutable",
    "property", "parameterDefinitions", "choices", "type", "fullName", "buildable", "crumb",
    "crumbRequestField",
]
# fmt: on
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["http://x/job/a/job/b/7/", "http://x/job/a/", "SUCCESS", "UserIdCause"])
)
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=8)
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=12)

READERS: list[Callable[[dict[str, Any]], object]] = [
    lambda raw: builds.read_queue(raw, "ci", ROOT),
    lambda raw: builds.read_item(raw, JOB, ROOT),
    lambda raw: builds.read_builds(raw, JOB, ROOT),
    lambda raw: builds.read_build(raw, REF, ROOT),
    lambda raw: nodes.read_running(raw, "ci", ROOT),
    jobs.read_job,
    lambda raw: wire.read_crumb(raw),
]
NAMES = ["queue", "item", "builds", "build", "running", "job", "crumb"]


@pytest.mark.parametrize("read", READERS, ids=NAMES)
@settings(max_examples=30)  # what looks more like an answer is in test_fuzz_jenkins
@given(raw=OBJECTS)
def test_nothing_but_unreadable_ever_escapes(read: Callable[[dict[str, Any]], object], raw: dict[str, Any]) -> None:
    try:
        read(wire.read_object(json.dumps(raw).encode()))
    except wire.Unreadable:
        return


@given(st.binary(max_size=200))
def test_no_bytes_surprise_the_decoder(body: bytes) -> None:
    try:
        assert isinstance(wire.read_object(body), dict)
    except wire.Unreadable:
        return
