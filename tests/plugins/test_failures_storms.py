"""Many failures of one cause: when they are a storm, what is said of it at which number, and that it stays small."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bot.facts import Diagnosis
from bot.values import JobRef, Place, PullRef, Subject
from bot.wording import is_known
from plugins.failures.storms import (
    MAX_ABOUT,
    MAX_ASKED,
    MAX_AT_ONCE,
    Failure,
    Storm,
    add,
    ask,
    beginning,
    dump,
    head_of,
    is_busy,
    load,
    news,
    step,
    subjects,
)
from tests.plugins.failures_said import AGENT_LOST, COMPILE, DEVICEMAPPER, TEST_FAILS

CHANNEL, OTHER = Place("libera", "#moby-ci"), Place("slack", "#ci")
BUILDS, WITHIN_S = 5, 600.0
NOON_S = 1_404_216_000.0  # 12:00 UTC


def failed(
    number: int, said: Diagnosis = DEVICEMAPPER, *, pull: int = 0, places: Sequence[Place] = (CHANNEL,)
) -> Failure:
    """Make a failure of a pull request of its own, unless that is given."""
    build = f"moby#{pull or number} janky #{number}"
    return Failure(
        said.same,
        head_of(said),
        f"moby/moby#{pull or number}",
        build,
        f"https://ci/{number}",
        f"dm-{number % 12}",
        is_known(said),
        tuple(places),
    )


def through_the_disk(storms: dict[str, Storm]) -> dict[str, Storm]:
    return load(json.loads(json.dumps(dump(storms))))


def played(failures: Sequence[tuple[float, Failure]]) -> tuple[dict[str, Storm], list[int]]:
    """Count failures, each at its second after noon; tell what is kept and with which a storm began."""
    storms: dict[str, Storm] = {}
    begun = []
    for number, (at_s, failure) in enumerate(failures, 1):
        if add(storms, failure, NOON_S + at_s, builds=BUILDS, within_s=WITHIN_S):
            begun.append(number)
        storms = through_the_disk(storms)
    return storms, begun


@pytest.mark.parametrize(
    ("failures", "begun"),
    [
        pytest.param([(n * 10, failed(n)) for n in range(1, 5)], [], id="four"),
        pytest.param([(n * 10, failed(n)) for n in range(1, 8)], [5], id="five-begin-it-and-no-later-one-does"),
        pytest.param([(n * 200, failed(n)) for n in range(1, 12)], [], id="too-far-apart"),
        pytest.param(
            [(0, failed(1)), *((650 + n, failed(n)) for n in range(2, 7))], [6], id="an-old-one-does-not-count"
        ),
        pytest.param([(n, failed(n, pull=7)) for n in range(1, 6)], [5], id="one-pull-request-that-met-known-trouble"),
        pytest.param(
            [(n, failed(n, COMPILE, pull=7)) for n in range(1, 30)], [], id="one-pull-request-does-not-compile"
        ),
        pytest.param([(n, failed(n, COMPILE)) for n in range(1, 6)], [5], id="nothing-compiles"),
        pytest.param([(n, failed(n, AGENT_LOST, pull=7)) for n in range(1, 6)], [5], id="agents-are-lost"),
        pytest.param(
            [(n, failed(n, (COMPILE, DEVICEMAPPER, TEST_FAILS)[n % 3])) for n in range(1, 13)], [], id="of-three-causes"
        ),
    ],
)
def test_a_storm_is_many_failures_of_one_cause_within_minutes(
    failures: Sequence[tuple[float, Failure]], begun: list[int]
) -> None:
    """F44."""
    assert played(failures)[1] == begun


@pytest.mark.parametrize(
    ("number", "rounded"),
    [
        pytest.param(number, rounded, id=str(number))
        for number, rounded in (
            (5, 0),
            (9, 0),
            (10, 10),
            (29, 10),
            (30, 30),
            (99, 30),
            (100, 100),
            (312, 300),
            (3000, 3000),
        )
    ],
)
def test_a_storm_is_told_again_at_ten_thirty_a_hundred(number: int, rounded: int) -> None:
    assert step(number) == rounded


def test_a_storm_of_300_is_told_at_its_steps_and_at_its_end() -> None:
    """F44: at 5, 10, 30, 100 and 300, and then that it is over; between these only where a message can be edited."""
    storms: dict[str, Storm] = {}
    said: list[tuple[str, bool]] = []
    for number in range(1, 313):
        begun = add(storms, failed(number), NOON_S + number * 2, builds=BUILDS, within_s=WITHIN_S)
        told = beginning("dm-init-rootfs", begun) if begun else []
        told += news(storms, NOON_S + number * 2, WITHIN_S)
        assert {place for place, _ in told} <= {CHANNEL}
        said += [(words.one_line(), words.is_step) for _, words in told]
    kept = len(json.dumps(dump(storms)))
    said += [(words.one_line(), words.is_step) for _, words in news(storms, NOON_S + 624 + WITHIN_S, WITHIN_S)]
    head = "known Docker trouble (dm-init-rootfs): "
    assert [text for text, is_step in said if not is_step] == [
        f"{head}5 builds failed alike since 12:00 UTC on 5 nodes, last moby#5 janky #5; "
        "they are counted here, and not told one by one https://ci/5",
        *(
            f"{head}{n} builds failed alike since 12:00 UTC on {min(n, 12)} nodes, last moby#{n} janky #{n} https://ci/{n}"
            for n in (10, 30, 100, 300)
        ),
        f"over: {head}312 builds, 12:00-12:10 UTC, 12 nodes https://ci/312",
    ]
    assert len([text for text, is_step in said if is_step]) == 312 - 5 - 4
    assert storms == {}
    assert kept < 2000, "what is kept does not grow with the builds"


def test_all_messages_of_a_storm_take_each_others_place() -> None:
    storms, _ = played([(n, failed(n)) for n in range(1, 6)])
    same = next(iter(storms))
    first = beginning(same, storms[same])[0][1]
    add(storms, failed(6), NOON_S + 6, builds=BUILDS, within_s=WITHIN_S)
    ((_, second),) = news(storms, NOON_S + 7, WITHIN_S)
    assert first.slot == second.slot == f"storm dm-init-rootfs {NOON_S + 1:.0f}"
    assert (first.is_step, second.is_step) == (False, True)


def test_a_storm_is_told_wherever_one_of_its_builds_would_be() -> None:
    storms, _ = played([(n, failed(n, places=[CHANNEL] if n % 2 else [OTHER])) for n in range(1, 6)])
    told = beginning("x", storms[DEVICEMAPPER.same])
    assert [place for place, _ in told] == [CHANNEL, OTHER]


ASKED = [
    pytest.param(["a"], "a failed", id="one"),
    pytest.param(list("abc"), "a, b, c failed", id="a-few"),
    pytest.param(["a", "a"], "a failed", id="asked-for-twice"),
    pytest.param(list("abcdefgh"), "a, b, c, d, e, f and 2 more failed", id="many"),
    pytest.param([str(n) for n in range(MAX_ASKED + 10)], f"0, 1, 2, 3, 4, 5 and {MAX_ASKED + 4} more", id="very-many"),
]


@pytest.mark.parametrize(("builds", "words"), ASKED)
def test_who_asked_for_builds_of_a_storm_is_answered_in_one_line(builds: list[str], words: str) -> None:
    storms, _ = played([(n, failed(n)) for n in range(1, 6)])
    (storm,) = storms.values()
    for build in builds:
        ask(storm, replace(CHANNEL, to="jess"), build, "")
    ask(storm, replace(CHANNEL, to="tianon"), builds[0], "")
    storms = through_the_disk(storms)
    ((place, told),) = news(storms, NOON_S + 6, WITHIN_S)
    assert place == replace(CHANNEL, to="jess, tianon")
    assert told.one_line().startswith(f"known Docker trouble (dm-init-rootfs): {words}")
    assert "(as 5 builds have since 12:00 UTC)" in told.one_line()
    assert news(storms, NOON_S + 6, WITHIN_S) == [], "once"


def test_the_link_of_an_answer_is_to_a_build_that_it_names() -> None:
    storms, _ = played([(n, failed(n)) for n in range(1, 6)])
    (storm,) = storms.values()
    ask(storm, replace(CHANNEL, to="jess"), "moby#1 janky #1", "https://ci/1/log")
    ask(storm, replace(CHANNEL, to="jess"), "moby#2 janky #2", "https://ci/2/log")
    ((_, told),) = news(through_the_disk(storms), NOON_S + 6, WITHIN_S)
    assert told.one_line().endswith(" https://ci/1/log"), "not to the newest of the storm"


def test_who_asked_is_answered_though_the_storm_is_over_by_then() -> None:
    storms: dict[str, Storm] = {"dm": Storm("known Docker trouble (dm)")}
    ask(storms["dm"], replace(CHANNEL, to="jess"), "moby#1 janky #5", "")
    assert is_busy(storms)
    ((_, told),) = news(storms, NOON_S, WITHIN_S)
    assert told.one_line() == "known Docker trouble (dm): moby#1 janky #5 failed"
    assert not is_busy(storms)


def test_no_more_is_said_at_once_than_a_handler_may_and_the_rest_is_said_next() -> None:
    storms, _ = played([(n, failed(n)) for n in range(1, 6)])
    (storm,) = storms.values()
    for number in range(40):
        ask(storm, Place("libera", f"#c{number}", to="jess"), "moby#1 janky #1", "")
    add(storms, failed(10), NOON_S + 6, builds=BUILDS, within_s=WITHIN_S)
    said = []
    while told := news(storms, NOON_S + 7 + WITHIN_S, WITHIN_S):
        assert len(told) <= MAX_AT_ONCE
        said += told
    assert [place.channel for place, _ in said] == [*(f"#c{number}" for number in range(40)), CHANNEL.channel]
    assert said[-1][1].one_line().startswith("over: ")


def test_causes_that_are_no_storm_are_forgotten() -> None:
    storms: dict[str, Storm] = {}
    for number in range(200):
        said = replace(TEST_FAILS, fingerprint=f"f{number}")
        add(storms, failed(number, said), NOON_S + number * 60, builds=BUILDS, within_s=WITHIN_S)
    assert len(storms) == WITHIN_S / 60


def test_what_is_kept_of_one_pull_request_alone_does_not_grow() -> None:
    storms, _ = played([(n / 10, failed(n, COMPILE, pull=7)) for n in range(1, 200)])
    assert len(storms[COMPILE.same].recent) <= 2 * BUILDS


@pytest.mark.parametrize("row", [pytest.param(None, id="nothing-kept"), pytest.param({}, id="nothing-left")])
def test_nothing_is_no_storm(row: Any) -> None:
    assert load(row) == {}


def about(number: int, context: str = "janky") -> Subject:
    return Subject(PullRef("moby/moby", number), (context,), (JobRef("ci", "docker-prs"),))


def test_a_storm_is_told_to_no_place_that_has_muted_all_it_is_about() -> None:
    """One that has muted some of it hears of it all the same, also of what it has muted."""
    storms: dict[str, Storm] = {}
    for number in range(1, 6):
        seen = replace(failed(number, places=(CHANNEL, OTHER)), about=about(number))
        begun = add(storms, seen, NOON_S, builds=BUILDS, within_s=WITHIN_S)
    assert begun is not None
    muted = {CHANNEL: {1, 2, 3, 4, 5}, OTHER: {1, 2, 3, 4}}

    def hears(place: Place, subjects: Sequence[Subject]) -> bool:
        return any(one.pull and one.pull.number not in muted[place] for one in subjects)

    assert [place for place, _ in beginning("same", begun, hears)] == [OTHER]
    storms = through_the_disk(storms)
    add(storms, replace(failed(6, places=(CHANNEL, OTHER)), about=about(6)), NOON_S, builds=BUILDS, within_s=WITHIN_S)
    assert {place for place, _ in news(storms, NOON_S + 1, WITHIN_S, hears)} == {CHANNEL, OTHER}


def test_a_storm_about_very_much_is_about_its_repositories() -> None:
    storms: dict[str, Storm] = {}
    for number in range(1, MAX_ABOUT + 3):
        add(storms, replace(failed(number), about=about(number)), NOON_S, builds=BUILDS, within_s=WITHIN_S)
        if number == MAX_ABOUT:
            [storm] = storms.values()
            assert subjects(storm) == [replace(about(n), repo="moby/moby") for n in range(1, MAX_ABOUT + 1)]
    [storm] = through_the_disk(storms).values()
    assert subjects(storm) == [Subject(repo="moby/moby")]
