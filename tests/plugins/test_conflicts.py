"""What a merge is said to have broken, against a repository of which all is known; and in which words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.plugin import Settings
from plugins.conflicts import words
from plugins.conflicts.radar import (
    MAX_MERGES,
    SHOWN_AT_MOST,
    SPAN_S,
    Broken,
    Known,
    Merge,
    Radar,
    Reading,
    broken,
    dump,
    gone,
    load,
    moved,
    read,
    shown,
    stands,
    to_show,
    turns,
)
from plugins.conflicts.settings import ConflictsSettings, RepoConflicts

MASTER, STABLE = "master", "17.03"
NUMBERS = (1, 2, 3)
REPO = "moby/moby"


def merge(number: int, base: str = MASTER) -> Merge:
    return Merge(base, f"{number:040x}", number, f"Change {number}", "jess")


def reading(number: int, merges: bool | None, *, head: str = "a", base: str = MASTER) -> Reading:
    return Reading(number, head, base, merges, f"Change {number}", "jess")


def begun(*numbers: int) -> Radar:
    return read(Radar(), [reading(number, True) for number in numbers], is_whole=True)


def told(radar: Radar) -> list[tuple[list[int], list[int]]]:
    """List the merges that are told, each with what it broke."""
    return [([one.number for one in group.merges], list(group.pulls)) for group in broken(radar)[1]]


STEPS = [
    pytest.param([], [], id="nothing-was-merged"),
    pytest.param([merge(9), {1: False, 2: True}], [([9], [1])], id="one-of-two"),
    pytest.param([merge(9), {1: None, 2: True}], [], id="not-worked-out-is-no-conflict"),
    pytest.param([merge(9), {1: None}, {1: False}], [([9], [1])], id="worked-out-late"),
    pytest.param([{1: False}, merge(9), {1: False}], [], id="broken-before"),
    pytest.param([merge(8), {1: None}, merge(9), {1: False}], [([8, 9], [1])], id="by-one-of-two"),
    pytest.param([merge(8), {1: True}, merge(9), {1: False}], [([9], [1])], id="good-between"),
    pytest.param(
        [merge(8), {1: False, 2: True}, merge(9), {1: False, 2: False}], [([8], [1]), ([9], [2])], id="one-each"
    ),
    pytest.param([merge(9, STABLE), {1: False}], [], id="into-another-branch"),
    pytest.param([merge(9), merge(9), {1: False}], [([9], [1])], id="told-twice"),
    pytest.param([merge(9), Merge(MASTER, f"{9:040x}", before="b"), {1: False}], [([9], [1])], id="and-by-its-push"),
    pytest.param([Merge(MASTER, f"{9:040x}", before="b"), merge(9), {1: False}], [([9], [1])], id="push-first"),
    pytest.param([Merge(MASTER, "c", before="b"), {1: False}], [([0], [1])], id="a-push-alone"),
    pytest.param([merge(9), {1: False}, {1: True}], [], id="cured-before-it-is-told"),
    pytest.param([merge(1), {2: False}], [([1], [2])], id="what-was-merged-is-not-there-any-more"),
]


@pytest.mark.parametrize(("steps", "expected"), STEPS)
def test_what_is_told_is_what_came_between(
    steps: Sequence[Merge | dict[int, bool | None]], expected: list[tuple[list[int], list[int]]]
) -> None:
    radar = begun(1, 2)
    for step in steps:
        if isinstance(step, Merge):
            radar = moved(radar, step)
        else:
            radar = read(radar, [reading(number, merges) for number, merges in step.items()], is_whole=False)
        assert load(dump(radar)) == radar
    assert told(radar) == expected
    assert told(broken(radar)[0]) == []


def test_another_head_or_base_was_never_known_to_merge() -> None:
    for other in (reading(1, False, head="b"), reading(1, False, base=STABLE)):
        radar = moved(moved(begun(1, 2), merge(9)), merge(8, STABLE))
        assert told(read(radar, [other], is_whole=False)) == []


def test_what_was_known_too_long_ago_is_not_put_to_a_merge() -> None:
    radar = begun(1)
    for number in range(10, 10 + MAX_MERGES):
        radar = moved(radar, merge(number))
    assert len(told(read(radar, [reading(1, False)], is_whole=False))[0][0]) == MAX_MERGES
    radar = moved(radar, merge(9))
    assert told(read(radar, [reading(1, False)], is_whole=False)) == []


def test_a_list_leaves_out_what_is_closed() -> None:
    radar = read(moved(begun(1, 2), merge(9)), [reading(2, True)], is_whole=True)
    assert list(radar.pulls) == [2]


def test_few_are_written_to_in_a_span_of_time_and_what_a_merge_broke_first() -> None:
    """Of 400 that nobody has looked at before each is new."""
    radar, left, spans = begun(*range(1, 401)), set(range(1, 401)), 0
    radar = replace(radar, pulls={**radar.pulls, 7: replace(radar.pulls[7], since=(1,))})
    radar, chosen = turns(radar, left, 0.0)
    assert chosen == [7, *range(400, 400 - SHOWN_AT_MOST + 1, -1)]
    while left := left - set(chosen):
        assert turns(radar, left, (spans + 0.5) * SPAN_S)[1] == []
        spans += 1
        radar, chosen = turns(radar, left, spans * SPAN_S)
        assert len(chosen) == min(len(left), SHOWN_AT_MOST)
    assert spans == 400 // SHOWN_AT_MOST


def test_a_status_is_shown_anew_for_each_head_and_a_mark_is_remembered() -> None:
    radar = moved(begun(1), merge(9))
    assert not to_show(radar)  # not worked out
    radar = read(radar, [reading(1, False)], is_whole=False)
    assert [known.is_marked for known in to_show(radar).values()] == [False]
    radar = shown(radar, to_show(radar).keys())
    assert not to_show(radar)
    radar = stands(radar, 1, "b", MASTER)
    assert radar.pending == [1]
    radar = read(radar, [reading(1, True, head="b")], is_whole=False)
    assert [(known.merges, known.is_marked) for known in to_show(radar).values()] == [(True, True)]
    radar = shown(radar, to_show(radar).keys())
    assert not radar.pulls[1].is_marked
    assert not to_show(gone(radar, 1))


@dataclass
class Truth:
    """A repository of which all is known: what merges, since when not, and what Gordon was told at each look."""

    merges: dict[int, bool] = field(default_factory=lambda: dict.fromkeys(NUMBERS, True))
    broken_by: dict[int, int] = field(default_factory=dict)
    good_after: dict[int, int | None] = field(default_factory=lambda: dict.fromkeys(NUMBERS, 0))
    seen_bad: set[int] = field(default_factory=set)
    last: int = 0


SEEN = st.fixed_dictionaries({number: st.booleans() for number in NUMBERS})
PUSHED = st.tuples(st.sampled_from(NUMBERS), st.booleans())
MERGED = st.frozensets(st.sampled_from(NUMBERS))


@given(st.lists(st.one_of(st.tuples(st.just("merge"), MERGED), st.tuples(st.just("look"), SEEN),
                          st.tuples(st.just("push"), PUSHED)), max_size=14))  # fmt: skip
@settings(deadline=None, max_examples=300)
def test_what_is_told_holds_the_culprit_and_no_merge_that_is_known_not_to_be_it(
    steps: Sequence[tuple[str, object]],
) -> None:
    """Any order of merges, pushes and looks of which some answers are not worked out, told after each look."""
    radar, truth, heads = begun(*NUMBERS), Truth(), dict.fromkeys(NUMBERS, 0)
    for kind, what in steps:
        if kind == "merge":
            assert isinstance(what, frozenset)
            truth.last += 1
            radar = moved(radar, merge(100 + truth.last))
            for number in what:
                if truth.merges[number]:
                    truth.merges[number], truth.broken_by[number] = False, truth.last
        elif kind == "push":
            assert isinstance(what, tuple)
            number, truth.merges[what[0]] = what
            heads[number] += 1
            truth.good_after[number] = None
            truth.broken_by.pop(number, None)
            truth.seen_bad.discard(number)
            radar = stands(radar, number, str(heads[number]), MASTER)
        else:
            assert isinstance(what, dict)
            radar = looked(radar, truth, heads, what)


def looked(radar: Radar, truth: Truth, heads: dict[int, int], answers: dict[int, bool]) -> Radar:
    """Read what is worked out, and hold what is told of it against the truth."""
    readings, expected = [], {}
    for number, is_answered in answers.items():
        merges = truth.merges[number]
        head = str(heads[number]) if heads[number] else "a"
        readings.append(reading(number, merges if is_answered else None, head=head))
        if not is_answered:
            continue
        good = truth.good_after[number]
        if merges:
            truth.good_after[number] = truth.last
            truth.seen_bad.discard(number)
            continue
        if number not in truth.seen_bad and good is not None:
            expected[number] = [100 + serial for serial in range(good + 1, truth.last + 1)]
            assert 100 + truth.broken_by[number] in expected[number]
        truth.seen_bad.add(number)
    radar, groups = broken(read(radar, readings, is_whole=True))
    assert {number: [one.number for one in group.merges] for group in groups for number in group.pulls} == expected
    return radar


def known(title: str, author: str = "jess") -> Known:
    return Known("a", MASTER, False, title=title, author=author)


LINES = [
    pytest.param(
        Broken((replace(merge(12), title="Use one mount", author="tianon"),), {4: known("Fix volumes"), 7: known("x")}),
        'the merge of moby#12 ("Use one mount", by tianon) into master broke 2 pull requests: '
        '#4 ("Fix volumes", jess), #7 ("x", jess); they need a rebase',
        id="a-merge",
    ),
    pytest.param(
        Broken((Merge(MASTER, "def5678" * 5, before="abc1234" * 5),), {4: known("Fix volumes")}),
        'the push abc1234..def5678 to master of moby broke 1 pull request: #4 ("Fix volumes", jess); it needs a rebase',
        id="a-push",
    ),
    pytest.param(
        Broken((merge(8), merge(9), merge(10)), {4: known("Fix volumes")}),
        'the merge of moby#8 ("Change 8", by jess) into master, 1 more or the merge of moby#10 ("Change 10", by jess) '
        'into master broke 1 pull request, it is not known which of them: #4 ("Fix volumes", jess); it needs a rebase',
        id="one-of-three",
    ),
    pytest.param(
        Broken((merge(8),), {number: known("x") for number in range(1, 21)}),
        'the merge of moby#8 ("Change 8", by jess) into master broke 20 pull requests: '
        "#1, #2, #3, #4, #5, #6, #7, #8, #9, #10, #11, #12, #13, #14, #15 and 5 more; they need a rebase",
        id="many",
    ),
    pytest.param(
        Broken((merge(8, 'x"\x03'),), {4: known('a "b"\n\x1b[31mc' + "d" * 50, "ghost")}),
        'the merge of moby#8 ("Change 8", by jess) into "x\'\N{REPLACEMENT CHARACTER}" broke 1 pull request: '
        "#4 (\"a 'b' \N{REPLACEMENT CHARACTER}[31mc" + "d" * 23 + '...", ghost); it needs a rebase',
        id="what-others-wrote",
    ),
]


@pytest.mark.parametrize(("group", "line"), LINES)
def test_a_line_says_what_broke_what(group: Broken, line: str) -> None:
    assert words.line(REPO, group, group.pulls) == line


@pytest.mark.parametrize(
    ("merges", "expected"),
    [
        pytest.param([merge(12)], "conflicts with master since the merge of #12", id="by-a-merge"),
        pytest.param([Merge(MASTER, "def5678" * 5)], "conflicts with master since the push of def5678", id="by-a-push"),
        pytest.param([merge(1), merge(2)], "conflicts with master", id="by-one-of-two"),
        pytest.param([], "conflicts with master", id="by-itself"),
    ],
)
def test_a_status_says_since_when(merges: Sequence[Merge], expected: str) -> None:
    assert words.conflict(merges, MASTER) == expected


def test_the_long_name_of_a_branch_is_cut_within_its_quotation_marks() -> None:
    assert words.merges("fix @all " * 9) == 'no conflicts with "' + ("fix @all " * 9)[:57].rstrip() + '..."'


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(lambda: ConflictsSettings(settle_s=0), "settle_s", id="at-once"),
        pytest.param(lambda: ConflictsSettings(settle_s=601), "settle_s", id="much-later"),
        pytest.param(lambda: RepoConflicts(status=" x"), "status", id="a-blank-before"),
        pytest.param(lambda: RepoConflicts(label="x" * 51), "label", id="too-long"),
    ],
)
def test_settings_have_limits(make: Callable[[], Settings], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()
