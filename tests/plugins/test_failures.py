"""How the ends of builds are put into one line, and who hears which."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from bot.events import Ask
from bot.plugin import Tone, lasting
from bot.values import Cell, Place, Result
from plugins.outcomes import Ended, OutcomesSettings, bad_cells, line, load, needs_due, phrase, shares, tone

SHA, NEWER = "3f2c1ab9" * 5, "77aa0011" * 5
CHANNEL = Place("libera", "#moby-ci")
OTHER = Place("libera", "#moby")
TIANON = Ask("tianon", Place("libera", "#moby-ci", to="tianon"), "e1")
ICECRIME = Ask("icecrime", Place("libera", "#moby-ci", to="icecrime"), "e2")
ELSEWHERE = Ask("tianon", Place("libera", "#moby", to="tianon"), "e3")
PRIVATE = Ask("tianon", Place("libera", "tianon", to="tianon", private=True), "e4")


def ended(name: str, result: Result | None, number: int = 981, **more: Any) -> Ended:
    values: dict[str, Any] = {
        "url": f"https://ci/{number}",
        "sha": SHA,
        "note": "",
        "duration_s": 1080.0,
        "asks": (),
    } | more
    return Ended(name, number, result=result, **values)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        pytest.param(ended("lxc", Result.SUCCESS), "lxc #981 passed (18m)", id="passed-without-a-link"),
        pytest.param(ended("lxc", Result.FAILURE), "lxc #981 failed after 18m https://ci/981", id="failed"),
        pytest.param(
            ended("lxc", Result.UNSTABLE),
            "lxc #981 ran to its end in 18m but is unstable https://ci/981",
            id="unstable",
        ),
        pytest.param(ended("lxc", Result.NOT_BUILT), "lxc #981 was not built https://ci/981", id="not-built"),
        pytest.param(ended("lxc", Result.ABORTED), "lxc #981 was aborted after 18m", id="aborted"),
        pytest.param(
            ended("lxc", Result.ABORTED, note="by tianon"), "lxc #981 was aborted after 18m (by tianon)", id="noted"
        ),
        pytest.param(
            ended("lxc", None, note="Jenkins no longer knows it"),
            "lxc #981 was gone before anybody saw its result (Jenkins no longer knows it) https://ci/981",
            id="vanished",
        ),
        pytest.param(
            ended("lxc", None, 0, note="cancelled in the queue"),
            "lxc never left the queue (cancelled in the queue)",
            id="never-left-the-queue",
        ),
        pytest.param(ended("lxc", Result.ABORTED, 0), "lxc never left the queue", id="never-left-without-a-note"),
        pytest.param(
            ended("lxc", Result.FAILURE, cells=24, bad_cells=("ARCH=arm,FS=aufs", "ARCH=arm,FS=zfs")),
            "lxc #981 failed after 18m in 2 of 24 cells: ARCH=arm,FS=aufs; ARCH=arm,FS=zfs https://ci/981",
            id="J13-cells-of-a-matrix",
        ),
        pytest.param(
            ended("lxc", Result.UNSTABLE, cells=24, bad_cells=tuple(f"A={number}" for number in range(7))),
            "lxc #981 ran to its end in 18m but is unstable in 7 of 24 cells: A=0; A=1; A=2; A=3; A=4; and 2 more "
            "https://ci/981",
            id="J13-many-cells",
        ),
        pytest.param(
            ended("lxc", Result.SUCCESS, built=NEWER),
            "lxc #981 passed (18m) (built 77aa001 instead of 3f2c1ab, which was asked for)",
            id="J25-another-commit",
        ),
        pytest.param(
            ended("lxc", Result.ABORTED, built=NEWER, note="by tianon"),
            "lxc #981 was aborted after 18m (by tianon; built 77aa001 instead of 3f2c1ab, which was asked for)",
            id="another-commit-and-a-note",
        ),
        pytest.param(ended("lxc", Result.NOT_BUILT, url=""), "lxc #981 was not built", id="no-link-known"),
    ],
)
def test_each_end_is_worded_for_what_it_is(build: Ended, text: str) -> None:
    assert phrase(build) == text


@pytest.mark.parametrize(
    ("title", "builds", "text"),
    [
        pytest.param(
            "moby#1234",
            [
                ended("janky", Result.SUCCESS, 5513),
                ended("lxc", Result.ABORTED, 7, duration_s=45),
                ended("experimental", None, 0, note="cancelled in the queue"),
                ended("windows", Result.FAILURE),
            ],
            "moby#1234 at 3f2c1ab: windows #981 failed after 18m https://ci/981; "
            "experimental never left the queue (cancelled in the queue); lxc #7 was aborted after 45s; "
            "janky #5513 passed (18m)",
            id="bad-ones-first",
        ),
        pytest.param(
            "moby#1234",
            [ended("windows", Result.SUCCESS, 2), ended("janky", Result.SUCCESS, 1)],
            "moby#1234 at 3f2c1ab: janky #1 passed (18m); windows #2 passed (18m)",
            id="then-by-name",
        ),
        pytest.param(
            "moby#1234",
            [
                ended("lxc", Result.SUCCESS, 1),
                ended("lxc", Result.ABORTED, 2, sha=NEWER),
                ended("zfs", Result.SUCCESS, 3),
            ],
            "moby#1234 at 77aa001: lxc #2 was aborted after 18m; "
            "moby#1234 at 3f2c1ab: lxc #1 passed (18m); zfs #3 passed (18m)",
            id="by-commit",
        ),
        pytest.param("", [ended("base-image", Result.SUCCESS, 12, sha="")], "base-image #12 passed (18m)", id="a-job"),
        pytest.param("moby#1", [ended("lxc", Result.SUCCESS, sha="")], "moby#1: lxc #981 passed (18m)", id="no-commit"),
    ],
)
def test_ends_of_one_pull_request_are_one_line(title: str, builds: list[Ended], text: str) -> None:
    assert line(title, builds) == text


@pytest.mark.parametrize(
    ("results", "news"),
    [
        pytest.param([Result.SUCCESS, Result.SUCCESS], Tone.GOOD, id="all-passed"),
        pytest.param([Result.SUCCESS, Result.FAILURE], Tone.BAD, id="one-failed"),
        pytest.param([Result.UNSTABLE, Result.ABORTED], Tone.BAD, id="unstable"),
        pytest.param([Result.SUCCESS, Result.ABORTED], Tone.PLAIN, id="stopped"),
        pytest.param([None], Tone.PLAIN, id="never-ran"),
    ],
)
def test_news_is_good_or_bad(results: list[Result | None], news: Tone) -> None:
    assert tone([ended("lxc", result) for result in results]) is news


BOTH = Place("libera", "#moby-ci", to="tianon, icecrime")


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
    builds = [ended(name, Result.SUCCESS, asks=of_one) for name, of_one in zip("ab", asks, strict=True)]
    told = shares(channels, builds)
    assert {place: "".join(build.name for build in some) for place, some in told} == heard
    assert len(told) == len(heard)


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(ended("lxc", Result.FAILURE, asks=(TIANON, PRIVATE)), id="with-a-result"),
        pytest.param(ended("lxc", None, 0, note="cancelled"), id="without"),
        pytest.param(ended("lxc", Result.FAILURE, built=NEWER, cells=2, bad_cells=("A=1",)), id="a-matrix"),
    ],
)
def test_what_is_kept_is_read_back(build: Ended) -> None:
    assert load(json.loads(json.dumps(asdict(build)))) == build


def test_what_an_older_version_kept_is_read_too() -> None:
    kept = json.loads(json.dumps(asdict(ended("lxc", Result.FAILURE))))
    older = {name: value for name, value in kept.items() if name not in ("built", "cells", "bad_cells")}
    assert load(older) == ended("lxc", Result.FAILURE)


def test_the_cells_that_failed_are_named_the_worse_ones_first() -> None:
    results = {"A=1": Result.UNSTABLE, "A=2": Result.SUCCESS, "A=3": Result.FAILURE, "A=4": None, "A=5": Result.ABORTED}
    cells = [Cell(name, "", result) for name, result in results.items()]
    assert bad_cells(cells) == ("A=3", "A=1")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(-3, "0s", id="a-clock-that-jumped"),
        pytest.param(45.4, "45s", id="seconds"),
        pytest.param(59.6, "1m", id="rounded-to-a-minute"),
        pytest.param(1109, "18m", id="minutes"),
        pytest.param(3840, "1h 4m", id="hours"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


@pytest.mark.parametrize(
    "gather_s",
    [
        pytest.param(-1.0, id="negative"),
        pytest.param(601.0, id="too-long"),
        pytest.param(float("nan"), id="no-number"),
    ],
)
def test_a_gathering_time_must_make_sense(gather_s: float) -> None:
    with pytest.raises(ValueError, match="gather_s must be 0 to 600"):
        OutcomesSettings(gather_s=gather_s)


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
