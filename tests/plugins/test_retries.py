"""Which failures are tried again, of what, after how long and where."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.errors import ConfigError
from bot.events import BranchPushed, BuildDiagnosed, BuildFinished
from bot.facts import Diagnosis, Fact, FailureClass, Kind
from bot.loader import read_settings
from bot.values import BuildRef, Cell, JobRef, Node, NodeRef, PullRef, Result
from plugins.retries import plugin
from plugins.retries.choosing import Wish, another_node, chance_of, heads_after, wish_of
from plugins.retries.rules import RetriesSettings, Rule

JOB, SHA, OTHER = JobRef("ci", "docker-prs"), "3f2c1ab9" * 5, "77aa0011" * 5
AT = datetime(2026, 1, 2, tzinfo=UTC)
INFRA = Diagnosis(Kind.KNOWN_INFRA, FailureClass.DOCKER_DAEMON, "dm-init-rootfs", retry=True)
REAL = Diagnosis(Kind.NEW_FAILURE, FailureClass.TEST_FAILURE, "go-test", retry=False, failed_tests=("TestRun",))
DOUBT = Diagnosis(Kind.UNKNOWN, FailureClass.UNKNOWN)
MATCHED = Diagnosis(Kind.UNKNOWN, FailureClass.UNKNOWN, matched=("roo\\ntfs",))
PASSED = Diagnosis(Kind.PASSED, FailureClass.SUCCESS, retry=False)


def fact(told: Diagnosis, result: Result | None = Result.FAILURE, cell: str = "", **more: Any) -> Fact:
    return Fact(1, "r1", BuildRef(JOB, 5), cell, "janky", result, told, sha=SHA, **more)


def diagnosed(
    told: Diagnosis, result: Result | None = Result.FAILURE, *, cells: tuple[Fact, ...] = (), **more: Any
) -> BuildDiagnosed:
    of: dict[str, Any] = {"request_id": "r1", "context": "janky", "job": JOB, "pull": PullRef("moby/moby", 7)}
    of |= {"sha": SHA, "lane": "l", "at": AT} | {name: more.pop(name) for name in ("ours", "sha") if name in more}
    ends = tuple(Cell(each.cell, "", each.result) for each in cells)
    given: dict[str, Any] = {"number": 5, "url": "", "duration_s": 1.0, "node": "dm-7", "asks": ()} | more
    end = BuildFinished(key="k:finished", result=result, cells=ends, **given, **of)
    bad = tuple(each for each in cells if each.is_bad)
    return BuildDiagnosed(key="k:diagnosed", end=end, fact=fact(told, result), cells=bad, **of)


def cells(*told: Diagnosis, result: Result = Result.FAILURE) -> tuple[Fact, ...]:
    return tuple(
        fact(each, Result.SUCCESS if each is PASSED else result, f"FS={name}")
        for name, each in zip("abcdefgh", told, strict=False)
    )


@pytest.mark.parametrize(
    ("rule", "event", "wish"),
    [
        pytest.param(Rule(), diagnosed(INFRA), Wish("dm-init-rootfs"), id="known trouble"),
        pytest.param(Rule(), diagnosed(REAL), None, id="a real failure"),
        pytest.param(Rule(), diagnosed(DOUBT), None, id="nobody knows"),
        pytest.param(Rule(off=True), diagnosed(INFRA), None, id="opted out"),
        pytest.param(Rule(at_most=0), diagnosed(INFRA), None, id="0 is never"),
        pytest.param(Rule(), diagnosed(INFRA, Result.ABORTED), None, id="aborted"),
        pytest.param(Rule(pattern=""), diagnosed(INFRA, Result.ABORTED), None, id="N-an empty pattern and aborted"),
        pytest.param(Rule(), diagnosed(INFRA, None), None, id="vanished"),
        pytest.param(Rule(), diagnosed(INFRA, None, number=0), None, id="F22-cancelled in the queue"),
        pytest.param(Rule(), diagnosed(INFRA, built=OTHER), None, id="A18-another commit than asked"),
        pytest.param(Rule(), diagnosed(INFRA, sha=""), None, id="a commit that nobody knows"),
        pytest.param(Rule(), diagnosed(INFRA, Result.UNSTABLE), None, id="N-unstable"),
        pytest.param(
            Rule(unstable=True), diagnosed(INFRA, Result.UNSTABLE), Wish("dm-init-rootfs"), id="N-unstable, too"
        ),
        pytest.param(Rule(), diagnosed(INFRA, ours=False), Wish("dm-init-rootfs"), id="of somebody else"),
        pytest.param(Rule(others=False), diagnosed(INFRA, ours=False), None, id="only what was asked for here"),
        pytest.param(Rule(pattern="roo\\ntfs"), diagnosed(MATCHED), Wish("roo\\ntfs"), id="N-pattern over two lines"),
        pytest.param(Rule(pattern="else"), diagnosed(MATCHED), None, id="N-pattern that is not found"),
        pytest.param(Rule(pattern="else"), diagnosed(INFRA), None, id="N-pattern instead of the verdict"),
        pytest.param(Rule(pattern=""), diagnosed(DOUBT), Wish("unknown"), id="N-empty pattern: always"),
        pytest.param(Rule(causes=("go-test",)), diagnosed(REAL), Wish("go-test"), id="a cause that is named"),
        pytest.param(
            Rule(classes=("docker-daemon",)), diagnosed(INFRA), Wish("dm-init-rootfs"), id="a class that is named"
        ),
        pytest.param(Rule(classes=("network",)), diagnosed(INFRA), None, id="another class than is named"),
        pytest.param(
            Rule(),
            diagnosed(INFRA, cells=cells(INFRA, PASSED, INFRA, PASSED)),
            Wish("dm-init-rootfs", ("FS=a", "FS=c")),
            id="N-failed cells only",
        ),
        pytest.param(Rule(), diagnosed(INFRA, cells=cells(INFRA, REAL)), None, id="one cell failed for good"),
        pytest.param(
            Rule(cells="failed"),
            diagnosed(INFRA, cells=cells(REAL, INFRA, PASSED)),
            Wish("dm-init-rootfs", ("FS=a", "FS=b")),
            id="N-all failed cells if one matches",
        ),
        pytest.param(
            Rule(cells="parent"),
            diagnosed(INFRA, cells=cells(DOUBT, PASSED)),
            Wish("dm-init-rootfs", ("FS=a",)),
            id="N-by the build as a whole",
        ),
        pytest.param(
            Rule(cells="parent"), diagnosed(DOUBT, cells=cells(INFRA)), None, id="N-the build as a whole says no"
        ),
        pytest.param(Rule(), diagnosed(INFRA, cells=cells(PASSED)), None, id="N-no cell left: not at all"),
        pytest.param(
            Rule(none_left="whole"),
            diagnosed(INFRA, cells=cells(PASSED)),
            Wish("dm-init-rootfs"),
            id="N-no cell left: the whole",
        ),
        pytest.param(
            Rule(), diagnosed(INFRA, cells=cells(INFRA, INFRA, result=Result.ABORTED)), None, id="aborted cells"
        ),
    ],
)
def test_what_passes_by_itself_is_tried_again(rule: Rule, event: BuildDiagnosed, wish: Wish | None) -> None:
    """N: rows of Naginator."""
    assert wish_of(rule, event) == wish


@pytest.mark.parametrize(
    ("rule", "delays"),
    [
        pytest.param(Rule(increment_s=5, max_delay_s=90, jitter=0), [5, 15, 30, 50, 75, 90, 90], id="N-5 up to 90"),
        pytest.param(
            Rule(increment_s=300, max_delay_s=10800, jitter=0),
            [300, 900, 1800, 3000, 4500, 6300, 8400, 10800],
            id="N-its default",
        ),
        pytest.param(Rule(increment_s=300, jitter=0), [300, 900, 1800, 3000, 4500, 6300, 8400, 10800], id="uncapped"),
        pytest.param(Rule(increment_s=5, max_delay_s=-1, jitter=0), [5, 15, 30], id="N-below 0 is uncapped"),
        pytest.param(Rule(delay_s=60, jitter=0), [60, 60, 60], id="N-fixed"),
        pytest.param(Rule(delay_s=0), [0, 0], id="at once"),
    ],
)
def test_the_delay_is_fixed_or_grows(rule: Rule, delays: list[float]) -> None:
    assert [rule.delay(tried, 0.9) for tried in range(len(delays))] == delays


def test_no_delay_is_longer_than_the_longest() -> None:
    """N: Naginator's is hard."""
    rule = Rule(increment_s=300, max_delay_s=600, jitter=0.5)
    delays = [rule.delay(tried, chance / 10) for tried in (0, 1, 2, 5) for chance in range(11)]
    assert max(delays) == 600
    assert min(delays) == 150
    assert len({rule.delay(5, chance / 10) for chance in range(11)}) == 11, "nor do all come at once"


def test_the_delay_differs_from_build_to_build_and_not_from_run_to_run() -> None:
    keys = [f"build:{number}:diagnosed" for number in range(200)]
    delays = {Rule(delay_s=100, jitter=0.2).delay(0, chance_of(key)) for key in keys}
    assert len(delays) == 200
    assert delays == {Rule(delay_s=100, jitter=0.2).delay(0, chance_of(key)) for key in keys}
    assert 80 <= min(delays) < 90 < 110 < max(delays) <= 120


def settings(**section: Any) -> RetriesSettings:
    read: RetriesSettings = read_settings(plugin, section)
    return read


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        pytest.param({}, Rule(delay_s=7), id="none fits"),
        pytest.param({"jan*": {"off": True}}, Rule(delay_s=7, off=True), id="by the context"),
        pytest.param({"docker-*": {"at_most": 5}}, Rule(delay_s=7, at_most=5), id="by the job"),
        pytest.param(
            {"*": {"at_most": 1}, "janky": {"at_most": 5}}, Rule(delay_s=7, at_most=1), id="the first one counts"
        ),
        pytest.param({"janky": {"delay_s": 0.0}}, Rule(delay_s=0), id="0 is something"),
        pytest.param({"lxc": {"off": True}}, Rule(delay_s=7), id="another"),
    ],
)
def test_a_rule_is_that_of_the_first_table_that_fits(tables: dict[str, Any], expected: Rule) -> None:
    assert settings(delay_s=7.0, job=tables).rule("janky", "docker-prs") == expected


def test_a_pattern_of_a_job_takes_the_place_of_the_classes_of_all() -> None:
    read = settings(classes=("network",), job={"janky": {"pattern": "x"}})
    assert read.rule("janky", "docker-prs") == Rule(pattern="x")
    assert read.patterns_for("janky", "docker-prs") == ("x",)
    assert read.patterns_for("lxc", "lxc") == ()


def test_what_the_configuration_names_is_a_cause() -> None:
    read = settings(causes=("dm-busy",), job={"janky": {"pattern": "x y"}, "lxc": {"causes": ("go-test",)}, "*": {}})
    assert read.named() == {"dm-busy", "x y", "go-test"}


@pytest.mark.parametrize(
    ("pushes", "heads"),
    [
        pytest.param([("a", "b")], ["a", "b"], id="the first that is told"),
        pytest.param([("a", "b"), ("b", "c")], ["a", "b", "c"], id="the next"),
        pytest.param([("a", "b"), ("c", "d")], ["a", "b", "c", "d"], id="F19-one was missed"),
        pytest.param([("b", "c"), ("a", "b")], ["b", "c"], id="F18-the older one is told later"),
        pytest.param([("a", "b"), ("b", "a")], ["b", "a"], id="forced back"),
        pytest.param([("", "a")], ["a"], id="a new branch"),
        pytest.param([("a", "b"), ("b", "")], [], id="deleted"),
        pytest.param([(f"{n}", f"{n + 1}") for n in range(90)], [f"{n}" for n in range(71, 91)], id="the newest ones"),
    ],
)
def test_where_a_branch_has_pointed_to_is_remembered(pushes: list[tuple[str, str]], heads: list[str]) -> None:
    known: Sequence[str] = ()
    for before, after in pushes:
        more: dict[str, Any] = {"repo": "moby/moby", "branch": "master", "forced": False}
        known = heads_after(known, BranchPushed(key="k", lane="l", at=AT, before=before, after=after, **more))
    assert list(known) == heads


@pytest.mark.parametrize(
    ("section", "words"),
    [
        pytest.param({"at_most": 11}, "at_most must be 0 to 10, is 11", id="too often"),
        pytest.param({"at_most": -1}, "at_most must be 0 to 10, is -1", id="no way to say for ever"),
        pytest.param({"delay": 3}, 'unknown key "delay" (did you mean "delay_s"?)', id="unknown key"),
        pytest.param(
            {"job": {"docker-*": {"patern": "x"}}},
            '[plugin.retries.job."docker-*"] unknown key "patern" (did you mean "pattern"?)',
            id="unknown key of a job",
        ),
        pytest.param(
            {"job": {"a": {"cells": "mached"}}},
            '[plugin.retries.job.a] cells is "mached"; did you mean matched?',
            id="unknown word",
        ),
        pytest.param({"none_left": "all"}, 'none_left is "all"; there are: none, whole', id="another unknown word"),
        pytest.param({"classes": ["docker-deamon"]}, "did you mean docker-daemon?", id="unknown class"),
        pytest.param({"pattern": "(a"}, 'pattern: "(a" is no pattern: missing )', id="A27-no pattern"),
        pytest.param({"pattern": "(?=a)"}, "is no pattern", id="A27-what RE2 does not take"),
        pytest.param({"job": {"a": {"jitter": 2.0}}}, "[plugin.retries.job.a] jitter must be 0 to 1", id="of a job"),
        pytest.param({"floor": 1.5}, "floor must be 0 to 1, is 1.5", id="floor"),
    ],
)
def test_a_mistake_names_the_key_and_what_is_right(section: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        settings(**section)
    assert words in str(raised.value)


def node(name: str, *labels: str, running: int = 0, **more: Any) -> Node:
    builds = tuple(object() for _ in range(running))
    return Node(NodeRef("ci", name), "", labels=(name, *labels), executors=1, running=builds, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("nodes", "chosen"),
    [
        pytest.param([node("dm-7", "dm"), node("dm-8", "dm")], "dm-8", id="another one"),
        pytest.param([node("dm-7", "dm")], "", id="only the failing one"),
        pytest.param([node("dm-8", "aufs"), node("win-1")], "", id="none has its labels"),
        pytest.param([node("dm-8", "dm", offline=True), node("dm-9", "dm")], "dm-9", id="one is down"),
        pytest.param([node("dm-6", "dm"), node("dm-9", "dm", "x")], "dm-9", id="one has failed before"),
        pytest.param([node("dm-8", "dm", running=1), node("dm-9", "dm")], "dm-9", id="the free one"),
        pytest.param([node("dm-8", "dm", running=1)], "dm-8", id="a busy one rather than none"),
        pytest.param([Node(NodeRef("other", "dm-8"), "", labels=("dm",))], "", id="of another server"),
    ],
)
def test_another_node_with_the_same_labels_is_chosen(nodes: list[Node], chosen: str) -> None:
    failed = fact(INFRA, node="dm-7", labels=("dm-7", "dm"))
    assert another_node(nodes, failed, {"dm-7", "dm-6"}) == chosen


def test_without_labels_no_node_is_chosen() -> None:
    assert another_node([node("win-1", "windows")], fact(INFRA, node="dm-7", labels=("dm-7",)), {"dm-7"}) == ""
