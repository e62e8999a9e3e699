"""Which contexts are meant, and in which words it is told what was started, cancelled or not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from bot.plugin import NotAllowed, Refused, Unsure, UserError
from bot.values import BuildRef, Cell, JobRef, Kind, Pull, PullRef, QueueItem, Result, Stage, Standing, Stop
from plugins.rebuild import (
    Wish,
    choose,
    each,
    failed_cells,
    label,
    phrase_cancel,
    phrase_cancelled,
    phrase_nothing,
    phrase_started,
    so_far,
    whose_cells,
    wish_of,
)

HEAD, OLD = "3f2c1ab9" * 5, "77aa0011" * 5
JOB = JobRef("ci", "docker-prs")
PULL = Pull(PullRef("moby/moby", 1234), "Fix", "icecrime", 7, HEAD, "master", "icecrime/moby", "https://gh/1234")


def standing(name: str, stage: Stage, result: Result | None = None, number: int | None = None) -> Standing:
    return Standing(name, JOB, stage, result, number=number)


STANDINGS = {
    "windows": standing("windows", Stage.RUNNING, number=981),
    "janky": standing("janky", Stage.ENDED, Result.FAILURE, 5513),
    "lxc": standing("lxc", Stage.NEVER),
    "experimental": standing("experimental", Stage.ENDED, Result.SUCCESS, 12),
    "zfs": standing("zfs", Stage.ENDED, Result.ABORTED, 3),
    "vfs": standing("vfs", Stage.QUEUED),
}


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        pytest.param([], ["janky", "lxc", "vfs", "windows", "zfs"], id="none-is-what-is-not-green"),
        pytest.param(["failed"], ["janky", "lxc", "zfs"], id="failed-leaves-out-live-ones"),
        pytest.param(["all"], ["experimental", "janky", "lxc", "vfs", "windows", "zfs"], id="all"),
        pytest.param(["ALL"], ["experimental", "janky", "lxc", "vfs", "windows", "zfs"], id="all-in-capitals"),
        pytest.param(["experimental"], ["experimental"], id="a-green-one-by-name"),
        pytest.param(["zfs", "janky", "zfs"], ["janky", "zfs"], id="in-name-order-and-once"),
        pytest.param(["experimental", "failed"], ["experimental", "janky", "lxc", "zfs"], id="failed-and-one-more"),
    ],
)
def test_the_contexts_that_are_meant(wanted: list[str], chosen: list[str]) -> None:
    assert choose(STANDINGS, wanted, "moby/moby") == chosen


def test_nothing_is_chosen_when_all_are_green() -> None:
    green = {"janky": standing("janky", Stage.ENDED, Result.SUCCESS, 1)}
    assert choose(green, [], "moby/moby") == []


@pytest.mark.parametrize(
    ("names", "wanted", "text"),
    [
        pytest.param(
            ["lxc", "janky", "windows", "experimental"],
            ["lxcc"],
            'no context "lxcc" for moby/moby; did you mean lxc? There are: experimental, janky, lxc, windows',
            id="the-nearest-first",
        ),
        pytest.param(
            ["janky"],
            ["qqq", "janky", "www"],
            'no context "qqq", "www" for moby/moby; there are: janky',
            id="two-unknown",
        ),
        pytest.param(
            ["janky"], ["agian"], 'no context "agian" for moby/moby; did you mean again? There are: janky', id="again"
        ),
        pytest.param(
            ["janky"],
            ["fialed"],
            'no context "fialed" for moby/moby; did you mean failed? There are: janky',
            id="failed",
        ),
        pytest.param(
            ["janky"], ["alll"], 'no context "alll" for moby/moby; did you mean all? There are: janky', id="all"
        ),
        pytest.param([], [], "no contexts are configured for moby/moby", id="none-configured"),
        pytest.param([], ["lxc"], "no contexts are configured for moby/moby", id="none-configured-and-one-named"),
    ],
)
def test_contexts_that_are_not_there_are_told(names: list[str], wanted: list[str], text: str) -> None:
    with pytest.raises(UserError) as caught:
        choose({name: standing(name, Stage.NEVER) for name in names}, wanted, "moby/moby")
    assert str(caught.value) == text


def queued(
    context: str, item: int, sha: str = HEAD, complaints: tuple[str, ...] = (), notes: tuple[str, ...] = ()
) -> QueueItem:
    return QueueItem(context, JOB, item, f"https://ci/item/{item}", sha, complaints=complaints, notes=notes)


def adopted(context: str, item: int | None = None, number: int | None = None) -> QueueItem:
    return QueueItem(context, JOB, item, "https://ci/x", HEAD, number, adopted=True)


@pytest.mark.parametrize(
    ("items", "failed", "text"),
    [
        pytest.param([queued("lxc", 12)], {}, "moby#1234 at 3f2c1ab: queued lxc (item 12)", id="one"),
        pytest.param(
            [queued("experimental", 12), queued("janky", 13), adopted("windows", number=981)],
            {},
            "moby#1234 at 3f2c1ab: queued experimental (item 12), janky (item 13); "
            "windows is already running (#981 https://ci/x)",
            id="one-runs-already",
        ),
        pytest.param(
            [adopted("lxc", item=4)], {}, "moby#1234 at 3f2c1ab: lxc is already queued (item 4)", id="one-waits-already"
        ),
        pytest.param(
            [adopted("lxc")], {}, "moby#1234 at 3f2c1ab: lxc is already on its way (https://ci/x)", id="neither-known"
        ),
        pytest.param(
            [queued("lxc", 12, OLD)],
            {},
            "moby#1234 at 77aa001: queued lxc (item 12); the head has moved on to 3f2c1ab since",
            id="the-head-moved",
        ),
        pytest.param(
            [queued("janky", 11, OLD), queued("lxc", 12)],
            {},
            "moby#1234 at 77aa001: queued janky (item 11); the head has moved on to 3f2c1ab since; "
            "at 3f2c1ab: queued lxc (item 12)",
            id="two-commits",
        ),
        pytest.param(
            [queued("janky", 11, complaints=("declare X",)), queued("lxc", 12, complaints=("declare X",))],
            {},
            "moby#1234 at 3f2c1ab: queued janky (item 11), lxc (item 12); declare X",
            id="a-complaint-once",
        ),
        pytest.param(
            [queued("janky", 11, notes=("about to shut down",)), queued("lxc", 12, notes=("about to shut down",))],
            {},
            "moby#1234 at 3f2c1ab: queued janky (item 11), lxc (item 12); about to shut down",
            id="J27-a-note-of-all-once",
        ),
        pytest.param(
            [queued("janky", 11), queued("lxc", 12, notes=("all cells are built",))],
            {},
            "moby#1234 at 3f2c1ab: queued janky (item 11), lxc (item 12); lxc: all cells are built",
            id="J13-a-note-of-one-with-its-name",
        ),
        pytest.param(
            [queued("janky", 11)],
            {"lxc": UserError("the job is disabled"), "zfs": Refused("Jenkins ci", "403")},
            "moby#1234 at 3f2c1ab: queued janky (item 11); lxc not started: the job is disabled; "
            "zfs not started: Jenkins ci refused: 403",
            id="some-not-started",
        ),
        pytest.param(
            [],
            {"lxc": UserError("disabled"), "zfs": UserError("gone")},
            "moby#1234 at 3f2c1ab: nothing started; lxc not started: disabled; zfs not started: gone",
            id="none-started-for-two-reasons",
        ),
        pytest.param(
            [queued("janky", 11)],
            {"lxc": Unsure("starting lxc", "https://ci/job"), "zfs": UserError("gone"), "vfs": UserError("gone")},
            "moby#1234 at 3f2c1ab: queued janky (item 11); "
            "lxc starting lxc may have happened, look at https://ci/job; zfs, vfs not started: gone",
            id="unsure-is-not-told-as-not-started",
        ),
    ],
)
def test_what_was_started_is_told(items: list[QueueItem], failed: Mapping[str, Exception], text: str) -> None:
    assert phrase_started(PULL, items, failed) == text


@pytest.mark.parametrize(
    ("names", "text"),
    [
        pytest.param(["experimental"], "moby#1234 at 3f2c1ab: everything passed", id="all-green"),
        pytest.param(["experimental", "windows"], "moby#1234 at 3f2c1ab: nothing failed", id="one-runs-still"),
    ],
)
def test_why_there_is_nothing_to_start_is_told(names: list[str], text: str) -> None:
    assert phrase_nothing(PULL, [STANDINGS[name] for name in names]) == text


@pytest.mark.parametrize(
    ("told", "failed", "text"),
    [
        pytest.param({}, {}, "moby#1234: nothing is queued or running", id="nothing-live"),
        pytest.param(
            {
                "janky": "taken out of the queue",
                "lxc": "taken out of the queue",
                "windows #981": "asked to stop, not yet over",
            },
            {},
            "moby#1234: janky, lxc taken out of the queue; windows #981 asked to stop, not yet over",
            id="both-ways",
        ),
        pytest.param(
            {"janky": "taken out of the queue"},
            {"lxc": UserError("it was over before")},
            "moby#1234: janky taken out of the queue; lxc not cancelled: it was over before",
            id="one-too-late",
        ),
    ],
)
def test_what_was_cancelled_is_told(told: Mapping[str, str], failed: Mapping[str, Exception], text: str) -> None:
    assert phrase_cancelled("moby#1234", told, failed) == text


@pytest.mark.parametrize(
    ("live", "text"),
    [
        pytest.param(standing("lxc", Stage.QUEUED), "lxc", id="waits"),
        pytest.param(standing("lxc", Stage.RUNNING, number=9), "lxc #9", id="runs"),
    ],
)
def test_a_live_build_is_named(live: Standing, text: str) -> None:
    assert label(live) == text


@pytest.mark.parametrize(
    ("words", "wish"),
    [
        pytest.param([], Wish([], []), id="nothing"),
        pytest.param(["janky", "failed"], Wish(["janky", "failed"], []), id="contexts"),
        pytest.param(["m", "ARCH=arm64,FS=aufs"], Wish(["m"], ["ARCH=arm64,FS=aufs"]), id="J13-a-cell-of-a-context"),
        pytest.param(["ARCH=arm64", "ARCH=x86"], Wish([], ["ARCH=arm64", "ARCH=x86"]), id="cells-alone"),
        pytest.param(["janky", "ON", "arm-7"], Wish(["janky"], [], "arm-7"), id="on-a-node"),
        pytest.param(["on", "linux=x"], Wish([], [], "linux=x"), id="behind-on-nothing-is-a-cell"),
        pytest.param(["on", "janky", "lxc"], Wish(["on", "janky", "lxc"], []), id="on-elsewhere-is-a-name"),
    ],
)
def test_contexts_cells_and_a_node_are_told_apart(words: list[str], wish: Wish) -> None:
    assert wish_of(words) == wish


def test_on_without_a_node_is_told() -> None:
    with pytest.raises(UserError, match='behind "on" stands the name of an agent'):
        wish_of(["janky", "on"])


@pytest.mark.parametrize(
    ("names", "wanted", "chosen"),
    [
        pytest.param(["m"], [], ["m"], id="the-only-one"),
        pytest.param(["janky", "m"], ["m"], ["m"], id="the-named-one"),
    ],
)
def test_whose_cells_are_meant(names: list[str], wanted: list[str], chosen: list[str]) -> None:
    standings = {name: standing(name, Stage.NEVER) for name in names}
    assert whose_cells(standings, Wish(wanted, ["A=b"])) == chosen


def test_cells_of_one_of_two_contexts_must_say_which() -> None:
    standings = {name: standing(name, Stage.NEVER) for name in ("m", "janky")}
    with pytest.raises(UserError, match="name the context whose cells are meant: janky, m"):
        whose_cells(standings, Wish([], ["A=b"]))


def matrix(*results: Result | None) -> Standing:
    cells = tuple(Cell(f"A={index}", f"https://ci/{index}", result) for index, result in enumerate(results))
    return Standing("m", JOB, Stage.ENDED, Result.FAILURE, number=4, kind=Kind.MATRIX, cells=cells)


def test_the_failed_cells_of_a_matrix_are_those_that_ended_otherwise_than_well() -> None:
    """J13: one bad cell of 24 is no reason to build them all."""
    results = (Result.SUCCESS, Result.FAILURE, None, Result.ABORTED, Result.UNSTABLE)
    assert failed_cells(BuildRef(JOB, 4), matrix(*results)) == ["A=1", "A=3", "A=4"]


@pytest.mark.parametrize(
    ("of", "why"),
    [
        pytest.param(matrix(Result.SUCCESS), "no cell of docker-prs#4 has failed$", id="none-failed"),
        pytest.param(
            replace(matrix(None), stage=Stage.RUNNING), "no cell of docker-prs#4 has failed so far", id="it-runs"
        ),
        pytest.param(STANDINGS["janky"], "docker-prs#4 is no matrix build", id="no-matrix"),
    ],
)
def test_why_there_are_no_failed_cells_is_told(of: Standing, why: str) -> None:
    with pytest.raises(UserError, match=why):
        failed_cells(BuildRef(JOB, 4), of)


PIPELINE = Standing("win", JOB, Stage.RUNNING, number=12, kind=Kind.PIPELINE)


@pytest.mark.parametrize(
    ("of", "told", "text"),
    [
        pytest.param(
            PIPELINE,
            "asked to stop",
            "asked to stop, not yet over (cancel docker-prs#12 term ends its running steps)",
            id="J18-a-pipeline-may-go-on",
        ),
        pytest.param(
            PIPELINE,
            "asked to end its running steps",
            "asked to end its running steps, not yet over (cancel docker-prs#12 kill ends all of it)",
            id="J18-nor-need-that-end-it",
        ),
        pytest.param(
            PIPELINE, "asked to end at once", "asked to end at once, not yet over", id="nothing-is-harder-than-kill"
        ),
        pytest.param(STANDINGS["windows"], "asked to stop", "asked to stop, not yet over", id="plain"),
        pytest.param(STANDINGS["vfs"], "taken out of the queue", "taken out of the queue", id="it-waited"),
    ],
)
def test_what_was_only_asked_for_is_not_told_as_done(of: Standing, told: str, text: str) -> None:
    assert so_far(of, told) == text


QUEUED = Standing("lxc", JOB, Stage.QUEUED, queue_id=7, sha=OLD, asker="jess")
RUNNING = Standing("janky", JOB, Stage.RUNNING, number=12, queue_id=6, sha=OLD, asker="tianon")


@pytest.mark.parametrize(
    ("pull", "standings", "me", "text"),
    [
        pytest.param(
            PULL,
            [RUNNING, QUEUED],
            "jess",
            "cancel janky #12 (asked for by tianon), lxc (item 7, yours), at 3f2c1ab",
            id="theirs-and-mine",
        ),
        pytest.param(
            None,
            [Standing("janky", JOB, Stage.RUNNING, number=12, sha=OLD)],
            "jess",
            "cancel janky #12 (asked for by nobody known here), at 77aa001",
            id="one-build-of-nobody",
        ),
        pytest.param(
            None,
            [Standing("base-image", JOB, Stage.RUNNING, number=3, asker="tianon")],
            "jess",
            "cancel base-image #3 (asked for by tianon)",
            id="of-no-commit",
        ),
        pytest.param(PULL, [], "jess", "cancel nothing, at 3f2c1ab", id="nothing-any-more"),
        pytest.param(
            PULL,
            [RUNNING, replace(QUEUED, asker="tianon")],
            "jess",
            "cancel janky #12, lxc (item 7), both asked for by tianon, at 3f2c1ab",
            id="all-of-one-other",
        ),
        pytest.param(
            PULL,
            [RUNNING, QUEUED],
            "",
            "cancel janky #12 (asked for by tianon), lxc (item 7, asked for by jess), at 3f2c1ab",
            id="of-two-others",
        ),
    ],
)
def test_what_would_be_cancelled_is_told(pull: Pull | None, standings: list[Standing], me: str, text: str) -> None:
    assert phrase_cancel(pull, standings, me) == text


def test_how_hard_something_would_be_cancelled_is_told() -> None:
    told = phrase_cancel(None, [RUNNING], "tianon", Stop.KILL)
    assert told == "cancel janky #12 (yours), at once and whatever is left undone, at 77aa001"


async def attempt(errors: Mapping[str, Exception], names: Sequence[str]) -> tuple[dict[str, str], dict[str, Exception]]:
    async def act(name: str) -> str:
        if name in errors:
            raise errors[name]
        return name.upper()

    done, failed = await each(names, act)
    return done, dict(failed)


async def test_one_that_fails_does_not_hide_the_others() -> None:
    error = UserError("disabled")
    assert await attempt({"b": error}, ["a", "b", "c"]) == ({"a": "A", "c": "C"}, {"b": error})


async def test_what_failed_before_is_no_reason_for_all_that_is_done_now() -> None:
    async def act(name: str) -> str:
        return name.upper()

    barred = {"b": NotAllowed("not yours")}
    assert await each(["a"], act, barred) == ({"a": "A"}, barred)


async def test_nothing_to_do_is_no_error() -> None:
    assert await attempt({}, []) == ({}, {})


async def test_different_reasons_are_all_handed_back() -> None:
    errors = {"a": UserError("disabled"), "b": Refused("Jenkins ci", "403")}
    assert await attempt(errors, ["a", "b"]) == ({}, errors)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(NotAllowed("you may not"), id="not-allowed"),
        pytest.param(Refused("Jenkins ci", "403"), id="refused"),
        pytest.param(Unsure("starting", "https://ci"), id="unsure"),
    ],
)
async def test_the_one_reason_for_all_is_raised_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)):
        await attempt({"a": error, "b": error}, ["a", "b"])
