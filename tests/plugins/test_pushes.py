"""How a push stands after what its builds came to, and in which words, as tables."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.facts import Pushed
from bot.plugin import Tone
from bot.values import JobRef
from plugins.pushes.grid import (
    MAX_KNOWN,
    MAX_OPEN,
    Branch,
    Change,
    News,
    Row,
    Stage,
    Stand,
    closed,
    culprits,
    dump,
    load,
    moved,
    pushed,
)
from plugins.pushes.words import card, given_up, pushers, row_words

OLD, NEW, NEXT = "3f2c1ab" + "0" * 33, "9d8e7f6" + "0" * 33, "abcdef1" + "0" * 33
JOBS = ("drivers", "lxc", "windows")
MASTER = Pushed("moby/moby", "master", {name: JobRef("ci", f"master/{name}") for name in JOBS})
NOTHING = Branch()
AUFS, ZFS = "FS=aufs", "FS=zfs"


def ends(job: str, stand: Stand, *cells: tuple[str, Stand], sha: str = OLD, number: int = 1, **facts: Any) -> News:
    """Tell that a build is over."""
    request_id = f"{job}#{number}"
    whole = Row(job, "", stand, number, f"https://ci/{job}/{number}", request_id)
    rows = tuple(replace(whole, cell=cell, stand=how) for cell, how in cells)
    return News(job, sha, request_id, Stage.ENDED, whole, rows, **facts)


def runs(job: str, sha: str = "", number: int = 1, *cells: tuple[str, Stand], **facts: Any) -> News:
    """Tell that a build has begun, or how far it is by cells."""
    stage = Stage.SEEN if cells else Stage.STARTED
    return replace(ends(job, Stand.RUNNING, *cells, sha=sha, number=number, **facts), stage=stage)


def after(*steps: News | str, branch: Branch = NOTHING) -> Branch:
    """Let pushes, by their commits, and news of builds follow each other, each as it is read from the disk."""
    for now_s, step in enumerate(steps):
        branch = load(json.loads(json.dumps(dump(branch))))
        branch = pushed(branch, step, "ann", JOBS, now_s) if isinstance(step, str) else moved(branch, step, JOBS, now_s)
    return branch


def stands(branch: Branch) -> list[tuple[str, dict[str, str]]]:
    """Tell how each push stands: by row."""
    return [
        (push.sha[:3], {row.name: f"{row.stand} {row.word}".rstrip() for row in push.rows}) for push in branch.pushes
    ]


WAITING = {"drivers": "waiting", "lxc": "waiting", "windows": "waiting"}
CELLS = ((AUFS, Stand.FAILED), (ZFS, Stand.PASSED))
BUILT = {"drivers FS=aufs": "failed", "drivers FS=zfs": "passed", "lxc": "passed", "windows": "aborted"}
ALL = (ends("windows", Stand.ABORTED), ends("drivers", Stand.FAILED, *CELLS), ends("lxc", Stand.PASSED))


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        pytest.param([OLD], [("3f2", WAITING)], id="nothing-is-built-yet"),
        pytest.param([OLD, OLD], [("3f2", WAITING)], id="told-twice"),
        pytest.param([OLD, *ALL], [("3f2", BUILT)], id="rows-in-the-order-of-the-configuration"),
        pytest.param([*ALL, OLD], [("3f2", BUILT)], id="no-webhook-told-it-first"),
        pytest.param(
            [OLD, runs("drivers"), runs("drivers", OLD, 1, (AUFS, Stand.PASSED), (ZFS, Stand.RUNNING))],
            [("3f2", WAITING | {"drivers FS=aufs": "passed", "drivers FS=zfs": "running"})],
            id="cells-end-one-by-one",
        ),
        pytest.param(
            [OLD, ends("lxc", Stand.FAILED), runs("lxc", "", 1)],
            [("3f2", WAITING | {"lxc": "failed"})],
            id="a-late-look-has-nothing-run-again",
        ),
        pytest.param(
            [OLD, ends("lxc", Stand.RETRYING), ends("lxc", Stand.PASSED, number=2), ends("lxc", Stand.FAILED)],
            [("3f2", WAITING | {"lxc": "passed"})],
            id="told-late-that-the-first-one-stays-as-it-is",
        ),
        pytest.param(
            [
                OLD,
                ends("drivers", Stand.FAILED, (AUFS, Stand.RETRYING), (ZFS, Stand.PASSED)),
                ends("drivers", Stand.PASSED, (AUFS, Stand.PASSED), number=2),
                ends("drivers", Stand.FAILED, (AUFS, Stand.FAILED), (ZFS, Stand.PASSED)),
            ],
            [("3f2", WAITING | {"drivers FS=aufs": "passed", "drivers FS=zfs": "passed"})],
            id="told-late-that-a-cell-stays-as-it-is",
        ),
        pytest.param(
            [OLD, ends("drivers", Stand.FAILED)],
            [("3f2", WAITING | {"drivers": "failed"})],
            id="a-matrix-that-failed-before-its-cells",
        ),
        pytest.param(
            [OLD, ends("drivers", Stand.FAILED, (AUFS, Stand.PASSED))],
            [("3f2", WAITING | {"drivers": "failed", "drivers FS=aufs": "passed"})],
            id="a-matrix-that-failed-beside-its-cells",
        ),
        pytest.param(
            [OLD, runs("drivers", OLD, 1, (AUFS, Stand.PASSED), (ZFS, Stand.RUNNING)), ends("drivers", Stand.ABORTED)],
            [("3f2", WAITING | {"drivers": "aborted", "drivers FS=aufs": "passed", "drivers FS=zfs": "aborted"})],
            id="stopped-between-two-cells",
        ),
    ],
)
def test_what_a_push_comes_to(steps: list[News | str], told: list[tuple[str, dict[str, str]]]) -> None:
    expected = [(sha, without_whole(rows)) for sha, rows in told]
    assert stands(after(*steps)) == expected


def without_whole(rows: dict[str, str]) -> dict[str, str]:
    """Leave out a job that waits where its cells are told."""
    has_cells = any(name.startswith("drivers ") for name in rows)
    return {name: how for name, how in rows.items() if not (has_cells and name == "drivers" and how == "waiting")}


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        pytest.param(
            [OLD, runs("lxc", OLD), NEW, ends("lxc", Stand.FAILED)],
            [("3f2", WAITING | {"lxc": "failed"}), ("9d8", WAITING)],
            id="an-old-build-ends-in-the-old-push",
        ),
        pytest.param(
            [OLD, NEW, ends("lxc", Stand.PASSED, sha=NEW)],
            [("3f2", WAITING | {"lxc": "built together with 9d8e7f6"}), ("9d8", WAITING | {"lxc": "passed"})],
            id="two-pushes-built-as-one",
        ),
        pytest.param(
            [OLD, NEW, ends("lxc", Stand.PASSED, sha=NEW), ends("lxc", Stand.FAILED, number=2)],
            [("3f2", WAITING | {"lxc": "failed"}), ("9d8", WAITING | {"lxc": "passed"})],
            id="the-older-one-is-built-after-all",
        ),
        pytest.param(
            [OLD, NEW, ends("lxc", Stand.PASSED)],
            [("3f2", WAITING | {"lxc": "passed"}), ("9d8", WAITING)],
            id="the-older-one-first",
        ),
        pytest.param(
            [OLD, NEW, runs("lxc")],
            [("3f2", WAITING), ("9d8", WAITING | {"lxc": "running"})],
            id="nobody-knows-the-commit-so-the-newest",
        ),
        pytest.param(
            [OLD, NEW, runs("lxc"), runs("lxc", OLD)],
            [("3f2", WAITING | {"lxc": "running"}), ("9d8", WAITING)],
            id="its-commit-is-known-later",
        ),
        pytest.param(
            [OLD, NEW, runs("lxc"), ends("lxc", Stand.PASSED, sha="")],
            [("3f2", WAITING | {"lxc": "built together with 9d8e7f6"}), ("9d8", WAITING | {"lxc": "passed"})],
            id="its-commit-is-never-known",
        ),
        pytest.param(
            [OLD, ends("lxc", Stand.PASSED), runs("lxc", "", 2), ends("lxc", Stand.FAILED, sha="", number=2)],
            [("3f2", WAITING | {"lxc": "passed"}), ("", {"lxc": "failed"})],
            id="built-once-more-and-nobody-knows-what",
        ),
        pytest.param(
            [OLD, ends("lxc", Stand.FAILED), ends("lxc", Stand.PASSED, sha="", number=2, asked=True)],
            [("3f2", WAITING | {"lxc": "passed"})],
            id="built-again-by-a-command",
        ),
        pytest.param(
            [OLD, ends("lxc", Stand.PASSED, sha=OLD[:7])],
            [("3f2", WAITING | {"lxc": "passed"})],
            id="a-commit-that-is-told-short",
        ),
    ],
)
def test_builds_are_of_the_push_whose_commit_they_build(
    steps: list[News | str], told: list[tuple[str, dict[str, str]]]
) -> None:
    assert stands(after(*steps)) == told


def test_a_push_that_was_closed_begins_again_with_what_is_built_of_it() -> None:
    branch = closed(after(OLD, *ALL, NEW), OLD)
    again = after(ends("lxc", Stand.FAILED, number=9), branch=branch)
    assert stands(again) == [("3f2", {"lxc": "failed"}), ("9d8", WAITING)]
    assert again.pushes[0].who == "ann"
    more = after(ends("windows", Stand.PASSED, sha="", number=9), branch=closed(again, NEW))
    assert stands(more) == [("3f2", {"lxc": "failed", "windows": "passed"})]


def test_a_branch_that_is_put_back_is_a_push_after_the_others() -> None:
    branch = after(OLD, branch=closed(after(OLD, *ALL, NEW), OLD))
    assert [sha for sha, _ in stands(branch)] == ["9d8", "3f2"]
    assert [known.sha for known in branch.known] == [NEW, OLD]


def test_a_job_that_is_tried_again_shows_that_until_it_is_over() -> None:
    first = ends("lxc", Stand.RETRYING)
    first = replace(first, whole=replace(first.whole, word="dm-init-rootfs, 2 of 3"))
    branch = after(OLD, first, runs("lxc", "", 2, retrying=True))
    assert stands(branch) == [("3f2", WAITING | {"lxc": "retrying dm-init-rootfs, 2 of 3"})]
    assert after(ends("lxc", Stand.FAILED, number=2, retrying=True), branch=branch).pushes[0].of_job("lxc")[0].is_bad


def test_a_cell_that_is_tried_again_shows_that_until_it_is_over() -> None:
    plan = replace(ends("drivers", Stand.RETRYING, *CELLS).whole, cell=AUFS, word="dm-init-rootfs, 2 of 3")
    passed = replace(plan, cell=ZFS, stand=Stand.PASSED, word="")
    first = replace(ends("drivers", Stand.RETRYING), cells=(plan, passed))
    branch = after(OLD, first)
    rows = {"drivers FS=aufs": "retrying dm-init-rootfs, 2 of 3", "drivers FS=zfs": "passed"}
    assert stands(branch)[0][1].items() >= rows.items()
    for step in (
        runs("drivers", OLD, 2, retrying=True),
        runs("drivers", OLD, 2, (AUFS, Stand.RUNNING), retrying=True),
    ):
        branch = after(step, branch=branch)
        assert stands(branch)[0][1].items() >= rows.items()
    again = ends("drivers", Stand.PASSED, (AUFS, Stand.PASSED), number=2, retrying=True)
    rows |= {"drivers FS=aufs": "passed"}
    assert stands(after(again, branch=branch))[0][1].items() >= rows.items()


@pytest.mark.parametrize("stand", [Stand.ABORTED, Stand.GONE])
def test_a_try_that_never_came_to_its_cell_leaves_nothing_open(stand: Stand) -> None:
    retrying = replace(ends("drivers", Stand.RETRYING).whole, cell=AUFS, word="dm, 2 of 3")
    branch = after(OLD, replace(ends("drivers", Stand.RETRYING), cells=(retrying,)))
    branch = after(ends("drivers", stand, number=2, retrying=True), branch=branch)
    assert not any(row.is_open for row in branch.pushes[0].of_job("drivers"))


def with_change(news: News, change: Change, since: int = 0) -> News:
    return replace(news, whole=replace(news.whole, change=change, since=since))


def test_since_when_it_fails_is_counted_over_pushes() -> None:
    branch = after(OLD, with_change(ends("lxc", Stand.FAILED, number=10), Change.NEW))
    branch = after(NEW, with_change(ends("lxc", Stand.FAILED, sha=NEW, number=11), Change.STILL, 10), branch=branch)
    branch = after(with_change(ends("lxc", Stand.FAILED, sha=NEW, number=12), Change.STILL, 11), branch=branch)
    assert [row_words(push.of_job("lxc")[0]) for push in branch.pushes] == [
        "new failure (#10)",
        "still failing since #10 (#12)",
    ]
    branch = after(NEXT, with_change(ends("lxc", Stand.PASSED, sha=NEXT, number=13), Change.FIXED, 12), branch=branch)
    assert row_words(branch.pushes[-1].of_job("lxc")[0]) == "fixed (failed since #10)"
    assert branch.since == {}


def test_nothing_is_kept_for_ever() -> None:
    shas = [f"{number:040x}" for number in range(1, 200)]
    steps = [
        step for number, sha in enumerate(shas) for step in (sha, ends("lxc", Stand.PASSED, sha=sha, number=number))
    ]
    branch = after(*steps)
    assert (len(branch.pushes), len(branch.known)) == (MAX_OPEN, MAX_KNOWN)
    assert len(json.dumps(dump(branch))) < 50_000


def test_a_push_whose_end_never_comes_is_given_up() -> None:
    (push,) = after(OLD, runs("lxc", OLD), ends("windows", Stand.PASSED)).pushes
    assert [row_words(row) for row in given_up(push).rows] == [
        "not built",
        "gone before anybody saw its result (#1)",
        "passed",
    ]


def test_a_card_is_the_grid_and_one_line_is_what_failed() -> None:
    news = ends("drivers", Stand.FAILED, *CELLS, sha=NEXT, number=12)
    aufs = replace(news.cells[0], change=Change.NEW, test="TestX", green=OLD)
    news = replace(news, cells=(aufs, news.cells[1]))
    branch = Branch(known=after(OLD).known)
    for sha, who in ((NEW, "bob"), (NEXT, "ann")):
        branch = pushed(branch, sha, who, JOBS, 0)
    branch = after(news, ends("lxc", Stand.PASSED, sha=NEXT), branch=branch)
    told = card(MASTER, branch, branch.pushes[-1], is_step=False)
    assert told.title == "moby master abcdef1 by ann: 1 failed, 1 waiting, 2 passed"
    assert told.lines == (
        "drivers FS=aufs: new failure in TestX (#12)",
        "drivers FS=zfs: passed",
        "lxc: passed",
        "windows: waiting",
        "since 3f2c1ab..abcdef1 (2 pushes by bob, ann)",
    )
    assert [(button.label, button.command) for button in told.buttons] == [
        ("Rebuild drivers FS=aufs", "rebuild drivers#12 FS=aufs"),
        ("Mute for 1h", "mute moby/moby 1h"),
    ]
    assert told.one_line() == (
        "moby master abcdef1 by ann: 1 of 4 failed: drivers FS=aufs new failure in TestX (#12); "
        "since 3f2c1ab..abcdef1 (2 pushes by bob, ann); 1 not over yet; "
        "to build one again: rebuild drivers#12 FS=aufs https://ci/drivers/12"
    )
    assert (told.tone, told.slot) == (Tone.BAD, f"push moby/moby master {NEXT}")
    assert pushers(branch, branch.pushes[-1]) == ("bob", "ann")


def test_good_news_is_short() -> None:
    branch = after(OLD, *(ends(job, Stand.PASSED) for job in JOBS))
    told = card(MASTER, branch, branch.pushes[0], is_step=False)
    assert told.one_line() == "moby master 3f2c1ab by ann: all 3 passed"
    assert told.tone is Tone.GOOD


@pytest.mark.parametrize(
    ("green", "sha", "told"),
    [
        pytest.param(OLD, NEXT, (2, ("bob", "ann")), id="between"),
        pytest.param(NEW, NEXT, (1, ("ann",)), id="the-last"),
        pytest.param(NEXT, NEXT, (0, ()), id="the-same"),
        pytest.param(NEXT, OLD, (0, ()), id="a-branch-that-was-put-back"),
        pytest.param("f" * 40, NEXT, (0, ()), id="longer-ago-than-is-remembered"),
    ],
)
def test_who_pushed_since_it_was_green(green: str, sha: str, told: tuple[int, tuple[str, ...]]) -> None:
    branch = Branch()
    for commit, who in ((OLD, "jess"), (NEW, "bob"), (NEXT, "ann")):
        branch = pushed(branch, commit, who, JOBS, 0)
    assert culprits(branch, green, sha) == told
