"""Who hears of which end: strategies against what the Instant Messaging plugin does, askers, jobs and settings."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import product
from typing import Any

import msgspec
import pytest

from bot.events import Ask
from bot.facts import Change
from bot.values import Account, Cell, Commit, Place, Result
from plugins.failures import needs_due
from plugins.failures.culprits import since
from plugins.failures.ended import Ended, Past, Try, after, bad_cells, dump, load, shares
from plugins.failures.strategies import (
    ChannelSettings,
    FailuresSettings,
    Infra,
    Manner,
    Strategy,
    manner,
    trend,
    unasked,
    wants,
)
from tests.plugins.failures_said import DEVICEMAPPER, NEWER, SHA, TEST_FAILS, ended

S, F, U = Result.SUCCESS, Result.FAILURE, Result.UNSTABLE
A, N = Result.ABORTED, Result.NOT_BUILT
CHANNEL = Place("libera", "#moby-ci")
OTHER = Place("libera", "#moby")
TIANON = Ask("tianon", Place("libera", "#moby-ci", to="tianon"), "e1")
ICECRIME = Ask("icecrime", Place("libera", "#moby-ci", to="icecrime"), "e2")
ELSEWHERE = Ask("tianon", Place("libera", "#moby", to="tianon"), "e3")
PRIVATE = Ask("tianon", Place("libera", "tianon", to="tianon", private=True), "e4")
BOTH = Place("libera", "#moby-ci", to="tianon, icecrime")


@pytest.mark.parametrize(
    ("result", "before", "change"),
    [
        pytest.param(S, None, Change.SUCCESS, id="first-and-passed"),
        pytest.param(S, S, Change.SUCCESS, id="passed-again"),
        pytest.param(S, F, Change.FIXED, id="fixed"),
        pytest.param(S, U, Change.FIXED, id="stable-again"),
        pytest.param(F, None, Change.FAILURE, id="first-and-failed"),
        pytest.param(F, S, Change.FAILURE, id="failed"),
        pytest.param(F, U, Change.FAILURE, id="worse-than-unstable"),
        pytest.param(F, F, Change.STILL_FAILING, id="failed-again"),
        pytest.param(U, None, Change.UNSTABLE, id="first-and-unstable"),
        pytest.param(U, S, Change.UNSTABLE, id="unstable"),
        pytest.param(U, U, Change.STILL_UNSTABLE, id="unstable-again"),
        pytest.param(U, F, Change.NOW_UNSTABLE, id="better-than-failed"),
        pytest.param(A, F, Change.ABORTED, id="aborted"),
        pytest.param(N, F, Change.NOT_BUILT, id="not-built"),
        pytest.param(None, F, Change.NOT_BUILT, id="gone"),
    ],
)
def test_a_result_is_held_against_the_one_before(result: Result | None, before: Result | None, change: Change) -> None:
    assert trend(result, before) is change


def history(results: Sequence[Result | None]) -> tuple[Past, Ended]:
    """Play builds of one context one after another; tell how it stood before the last, and that one."""
    past = Past()
    for number, result in enumerate(results, 1):
        change = trend(result, Result(past.counted) if past.counted else None)
        build = ended("lxc", result, number, change=change, before=past, ours=False)
        if number == len(results):
            return past, build
        past = after(past, build)
    raise AssertionError("no builds")


def is_told(strategy: Strategy, results: Sequence[Result | None], *, ours: bool = False) -> bool:
    past, build = history(results)
    return wants(strategy, build.result, build.change, past.last, ours=ours, was_told=past.was_told)


def as_the_plugin_does(strategy: Strategy, results: Sequence[Result]) -> bool:
    """The oracle: what the Instant Messaging plugin says of its strategies, from whole histories."""
    *earlier, last = results
    counted = [result for result in earlier if result not in (A, N)]
    was_red = bool(counted) and counted[-1] in (F, U)
    is_fixed = last is S and was_red
    return {
        Strategy.ALL: True,
        Strategy.ANY_FAILURE: last is not S,
        Strategy.FAILURE_AND_FIXED: last is not S or is_fixed,
        Strategy.NEW_FAILURE_AND_FIXED: is_fixed or (last is F and (not counted or counted[-1] is not F)),
        Strategy.CHANGE_ONLY: not earlier or earlier[-1] is not last,
    }[strategy]


@pytest.mark.parametrize("strategy", [one for one in Strategy if one is not Strategy.ASKED])
def test_strategies_tell_what_the_instant_messaging_plugin_tells(strategy: Strategy) -> None:
    """Of every history of up to four builds."""
    for length in (1, 2, 3, 4):
        for results in product((S, F, U, A, N), repeat=length):
            assert is_told(strategy, results) is as_the_plugin_does(strategy, results), results


@pytest.mark.parametrize(
    ("results", "ours", "told"),
    [
        pytest.param([S], True, True, id="asked-for"),
        pytest.param([A], True, True, id="asked-for-and-aborted"),
        pytest.param([S], False, False, id="somebody-elses"),
        pytest.param([A], False, False, id="somebody-elses-aborted"),
        pytest.param([F], False, True, id="somebody-elses-failed"),
        pytest.param([None], False, True, id="somebody-elses-vanished"),
        pytest.param([F, S], False, True, id="somebody-elses-fixed"),
        pytest.param([F, A, S], False, True, id="fixed-after-one-that-was-aborted"),
        pytest.param([F, S, S], False, False, id="somebody-elses-passed-again"),
    ],
)
def test_without_a_strategy_what_was_asked_for_is_told_and_failures_and_fixes(
    results: Sequence[Result | None], ours: bool, told: bool
) -> None:
    assert is_told(Strategy.ASKED, results, ours=ours) is told


def test_what_nobody_was_told_is_not_fixed_in_public() -> None:
    past, build = history([F, S])
    assert build.is_fix
    assert not replace(build, before=replace(past, was_told=False)).is_fix


def test_a_row_of_failures_is_counted_from_its_first() -> None:
    past, build = history([S, F, A, U, F, S])
    assert (past.since, past.builds, past.last, past.counted) == (2, 3, "FAILURE", "FAILURE")
    assert after(past, build) == Past("SUCCESS", "SUCCESS", newest=build.request_id, green=SHA)
    assert past.green == SHA, "that of the newest which passed"


SETTINGS = FailuresSettings(
    strategy=Strategy.CHANGE_ONLY,
    channel={
        "libera/#Moby": ChannelSettings(infra=Infra.MARK, culprits=True),
        "libera/#images": ChannelSettings(strategy=Strategy.ALL, jobs=("infra/*", "lxc")),
    },
)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        pytest.param(CHANNEL, Manner(Strategy.CHANGE_ONLY, (), Infra.CARD, culprits=False), id="as-everywhere"),
        pytest.param(OTHER, Manner(Strategy.CHANGE_ONLY, (), Infra.MARK, culprits=True), id="in-any-case"),
        pytest.param(
            Place("libera", "#images"),
            Manner(Strategy.ALL, ("infra/*", "lxc"), Infra.CARD, culprits=False),
            id="its-own",
        ),
    ],
)
def test_a_place_may_have_settings_of_its_own(place: Place, expected: Manner) -> None:
    assert manner(SETTINGS, place) == expected


IMAGES = Place("libera", "#images")


@pytest.mark.parametrize(
    ("announce", "is_of_pull", "names", "places"),
    [
        pytest.param([CHANNEL], True, ("janky", "docker-prs"), [CHANNEL], id="of-a-pull-request"),
        pytest.param([CHANNEL], True, ("lxc", "lxc/docker-prs"), [CHANNEL, IMAGES], id="by-its-context"),
        pytest.param([IMAGES], True, ("janky", "docker-prs"), [], id="not-one-of-the-jobs-of-the-place"),
        pytest.param([IMAGES], True, ("lxc", "lxc/docker-prs"), [IMAGES], id="no-place-twice"),
        pytest.param([CHANNEL], False, ("infra/base-image",), [IMAGES], id="of-no-pull-request"),
        pytest.param([CHANNEL], False, ("tools",), [], id="of-no-pull-request-and-not-named"),
    ],
)
def test_jobs_are_told_where_they_are_wanted(
    announce: list[Place], is_of_pull: bool, names: tuple[str, ...], places: list[Place]
) -> None:
    assert unasked(SETTINGS, announce, is_of_pull, *names) == places


@pytest.mark.parametrize(
    ("channels", "asks", "heard"),
    [
        pytest.param([], [(), ()], {}, id="nobody"),
        pytest.param([CHANNEL], [(), ()], {CHANNEL: "ab"}, id="a-channel-hears-all"),
        pytest.param([], [(ELSEWHERE,), ()], {ELSEWHERE.place: "a"}, id="an-asker-hears-what-was-asked-for"),
        pytest.param([CHANNEL], [(TIANON,), ()], {TIANON.place: "ab"}, id="asked-in-the-channel-that-hears-all"),
        pytest.param([], [(TIANON,), (TIANON,)], {TIANON.place: "ab"}, id="asked-for-both"),
        pytest.param([], [(TIANON, ICECRIME), (ICECRIME,)], {BOTH: "ab"}, id="two-askers-in-one-place"),
        pytest.param(
            [CHANNEL, OTHER],
            [(PRIVATE,), (ELSEWHERE,)],
            {CHANNEL: "ab", ELSEWHERE.place: "ab", PRIVATE.place: "a"},
            id="channels-and-a-private-asker",
        ),
    ],
)
def test_no_place_hears_anything_twice(
    channels: list[Place], asks: list[tuple[Ask, ...]], heard: dict[Place, str]
) -> None:
    builds = [ended(name, S, asks=of_one) for name, of_one in zip("ab", asks, strict=True)]
    told = shares(dict.fromkeys(channels, builds), builds)
    assert {place: "".join(build.name for build in some) for place, some in told} == heard
    assert len(told) == len(heard)


def test_an_asker_hears_of_what_their_channel_does_not_want() -> None:
    """Whatever the strategy."""
    wanted, unwanted = ended("a", F), ended("b", S, asks=(TIANON,))
    assert shares({CHANNEL: [wanted]}, [wanted, unwanted]) == [(TIANON.place, [wanted, unwanted])]


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(ended("lxc", F, said=TEST_FAILS, asks=(TIANON, PRIVATE)), id="with-a-result"),
        pytest.param(ended("lxc", None, 0, note="cancelled"), id="without"),
        pytest.param(ended("lxc", F, built=NEWER, cells=2, bad_cells=("A=1",)), id="a-matrix"),
        pytest.param(ended("lxc", S, attempt=2, tries=(Try(DEVICEMAPPER, "dm-7"),)), id="tried-again"),
        pytest.param(ended("lxc", S, change=Change.FIXED, before=Past("FAILURE", "FAILURE", 7, 2, SHA)), id="fixed"),
    ],
)
def test_what_is_kept_is_read_back(build: Ended) -> None:
    assert load(json.loads(json.dumps(dump(build)))) == build


def test_the_cells_that_failed_are_named_the_worse_ones_first() -> None:
    results = {"A=1": U, "A=2": S, "A=3": F, "A=4": None, "A=5": A}
    assert bad_cells([Cell(cell, "", result) for cell, result in results.items()]) == ("A=3", "A=1")


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        pytest.param({"gather_s": -1.0}, "gather_s must be 0 to 600", id="negative"),
        pytest.param({"gather_s": 601.0}, "gather_s must be 0 to 600", id="too-long"),
        pytest.param({"gather_s": float("nan")}, "gather_s must be 0 to 600", id="no-number"),
        pytest.param({"storm_builds": 1}, "storm_builds must be 2 to 1000", id="a-storm-of-one"),
        pytest.param({"storm_within_s": 0.5}, "storm_within_s must be 1 to 86400", id="no-time"),
        pytest.param({"channel": {"#moby": ChannelSettings()}}, "a place is written NETWORK/#CHANNEL", id="no-place"),
    ],
)
def test_settings_must_make_sense(given: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        FailuresSettings(**given)


def test_a_strategy_that_is_none_is_refused_with_its_key() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"always.*strategy"):
        msgspec.convert({"strategy": "always"}, FailuresSettings)


@pytest.mark.parametrize(
    ("kept", "needs"),
    [
        pytest.param(None, True, id="nothing-kept"),
        pytest.param({"due_s": 1005.0, "ended": []}, False, id="to-be-told-soon"),
        pytest.param({"due_s": 950.0, "ended": []}, False, id="a-little-late"),
        pytest.param({"due_s": 939.0, "ended": []}, True, id="never-told"),
    ],
)
def test_what_is_kept_is_told_some_time(kept: dict[str, Any] | None, needs: bool) -> None:
    assert needs_due(kept, 1000.0) is needs


JESS, TIANON_OF_GITHUB, BOT = Account(103, "jess"), Account(102, "tianon"), Account(9, "robot", is_bot=True)
COMMITS = [
    Commit("a1", "Begin", TIANON_OF_GITHUB),
    Commit("b2", "Go on", JESS),
    Commit("c3", "Format", BOT),
    Commit("d4", "Somebody", None),
    Commit("e5", "End", TIANON_OF_GITHUB),
]


@pytest.mark.parametrize(
    ("green", "names"),
    [
        pytest.param("", ["tianon", "jess"], id="never-green"),
        pytest.param("a1", ["tianon", "jess"], id="since-the-first"),
        pytest.param("b2", ["tianon"], id="since-the-second"),
        pytest.param("e5", ["tianon", "jess"], id="the-head-itself-was-green"),
        pytest.param("0f", ["tianon", "jess"], id="a-commit-that-was-rewritten"),
    ],
)
def test_culprits_are_who_has_pushed_since_the_last_green(green: str, names: list[str]) -> None:
    assert since(COMMITS, green) == names


def test_what_is_kept_of_a_context_is_plain() -> None:
    past, _ = history([F, F])
    assert Past(**json.loads(json.dumps(asdict(past)))) == past
