"""How agents are counted, described and told of: many that go down at once are one line, and a toggle is none (J23)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.plugin import UserError
from bot.values import Build, BuildRef, JobRef, Node, NodeRef, Nodes
from plugins.nodes import (
    MAX_SHOWN,
    NodeSeen,
    NodesSettings,
    chosen_by,
    counted,
    described,
    find,
    state,
    still_down,
    still_there,
    with_news,
    words_of_back,
    words_of_down,
)

NOW = datetime(2015, 6, 1, 12, 16, tzinfo=UTC)
FOUR_PAST_S = (NOW - timedelta(minutes=12)).timestamp()
JANKY = Build(BuildRef(JobRef("ci", "janky"), 5513), "https://ci/job/janky/5513/")
DM = Node(NodeRef("ci", "dm-7"), "https://ci/computer/dm-7/", labels=("linux", "zfs"), tags={"kernel": "4.2"})
ARM = Node(NodeRef("ci", "arm-2"), "", labels=("arm",), tags={"kernel": "3.19"}, executors=2, running=(JANKY,))
LOST = replace(DM, offline=True, reason="Connection was broken\n  at hudson.remoting")
MARKED = replace(ARM, offline=True, marked=True, reason="tianon: disk full")


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        pytest.param([], ["arm-2", "dm-7"], id="all-by-name"),
        pytest.param(["kernel=4.2"], ["dm-7"], id="tag"),
        pytest.param(["KERNEL=4.2"], ["dm-7"], id="any-case"),
        pytest.param(["zfs"], ["dm-7"], id="label"),
        pytest.param(["zf"], [], id="whole-label"),
        pytest.param(["dm"], ["dm-7"], id="part-of-the-name"),
        pytest.param(["linux", "kernel=3.19"], [], id="all-of-them"),
    ],
)
def test_agents_are_chosen(wanted: list[str], names: list[str]) -> None:
    assert [node.ref.name for node in chosen_by([DM, ARM], wanted)] == names


@pytest.mark.parametrize(
    ("word", "said"),
    [
        pytest.param("kernal=4.2", 'no agent has a tag "kernal"; did you mean kernel?', id="tag"),
        pytest.param("KERNEL=4", 'no agent has kernel="4"; there are: 3.19, 4.2', id="part-of-a-value"),
        pytest.param("kernel=", 'no agent has kernel=""; there are: 3.19, 4.2', id="no-value"),
    ],
)
def test_a_tag_that_no_agent_has_is_a_mistake(word: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        chosen_by([DM, ARM], [word])
    assert said in str(caught.value)


MANY = [replace(LOST, ref=NodeRef("ci", f"dm-{number}"), reason=f"reset {number}") for number in range(MAX_SHOWN + 2)]


@pytest.mark.parametrize(
    ("chosen", "wanted", "text"),
    [
        pytest.param([], "", "there are no agents", id="none"),
        pytest.param([], "zfs", "no agent fits zfs", id="none-fits"),
        pytest.param([DM], "", "1 agent: 1 up", id="one"),
        pytest.param([DM, ARM], "", "2 agents: 2 up (1 busy)", id="all-up"),
        pytest.param(
            [LOST, MARKED],
            "",
            "2 agents: 0 up, 2 down: dm-7 (no connection), arm-2 (marked: tianon: disk full)",
            id="down-for-two-reasons",
        ),
        pytest.param(
            [LOST],
            "",
            "1 agent: 0 up, 1 down: dm-7 (no connection: Connection was broken at hudson.remoting)",
            id="one-is-down-with-its-reason",
        ),
        pytest.param(
            [DM, MARKED],
            "linux",
            "2 agents with linux: 1 up: dm-7; 1 down: arm-2 (marked: tianon: disk full)",
            id="those-that-were-asked-for-are-named",
        ),
        pytest.param(
            MANY,
            "",
            f"10 agents: 0 up, 10 down: {', '.join(f'dm-{n}' for n in range(MAX_SHOWN))} and 2 more (no connection)",
            id="those-of-one-cause-together-and-capped",
        ),
        pytest.param(
            [DM, replace(DM, ref=NodeRef("old-ci", "dm-7"))],
            "zfs",
            "2 agents with zfs: 2 up: ci/dm-7, old-ci/dm-7",
            id="one-name-on-two-servers",
        ),
    ],
)
def test_agents_are_counted(chosen: list[Node], wanted: str, text: str) -> None:
    assert counted(chosen, wanted) == text


@pytest.mark.parametrize(
    ("node", "text"),
    [
        pytest.param(
            DM, "dm-7 is up; kernel=4.2; labels: linux, zfs; runs nothing; https://ci/computer/dm-7/", id="idle"
        ),
        pytest.param(
            ARM,
            "arm-2 is up; kernel=3.19; labels: arm; runs janky#5513 https://ci/job/janky/5513/",
            id="busy",
        ),
        pytest.param(
            replace(MARKED, labels=(), tags={}),
            "arm-2 is marked offline: tianon: disk full; runs janky#5513 https://ci/job/janky/5513/",
            id="J23-marked-while-a-build-runs",
        ),
        pytest.param(
            replace(LOST, labels=(), tags={}, url="", reason=""), "dm-7 is down without connection", id="J23-lost"
        ),
    ],
)
def test_one_agent_is_described(node: Node, text: str) -> None:
    assert described(node) == text


def test_what_goes_on_where_nothing_new_starts() -> None:
    assert f"{MARKED.ref} is {state(MARKED)}; {still_there(MARKED)}" == (
        "arm-2 is marked offline: tianon: disk full; janky#5513 still runs there"
    )


def test_a_long_reason_is_cut() -> None:
    assert state(replace(LOST, reason="x" * 500)).endswith(f"{'x' * 97}...")


FOUND = Nodes([DM, replace(DM, ref=NodeRef("ci", "DM-8")), replace(DM, ref=NodeRef("old-ci", "DM-8"))])


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        pytest.param(NodeRef("", "dm-7"), NodeRef("ci", "dm-7"), id="bare"),
        pytest.param(NodeRef("ci", "DM-7"), NodeRef("ci", "dm-7"), id="any-case"),
        pytest.param(NodeRef("old-ci", "dm-8"), NodeRef("old-ci", "DM-8"), id="with-its-server"),
    ],
)
def test_an_agent_is_found(ref: NodeRef, found: NodeRef) -> None:
    assert find(FOUND, ref).ref == found


@pytest.mark.parametrize(
    ("nodes", "ref", "said"),
    [
        pytest.param(FOUND, NodeRef("", "dm-8"), "say ci/DM-8 or old-ci/DM-8", id="two"),
        pytest.param(FOUND, NodeRef("ci", "dm-77"), 'no agent "dm-77"; did you mean dm-7?', id="none"),
        pytest.param(
            Nodes([replace(DM, ref=NodeRef("ci", "Built-In Node"))]),
            NodeRef("", "built-in"),
            'no agent "built-in"; there are: "Built-In Node"',
            id="as-it-must-be-typed",
        ),
        pytest.param(
            Nodes([DM], ["Jenkins old-ci does not answer (listing agents)"]),
            NodeRef("", "dm-8"),
            "; Jenkins old-ci does not answer",
            id="J15-not-known-while-a-server-is-silent",
        ),
    ],
)
def test_an_agent_that_is_not_found_is_said_for_what_it_is(nodes: Nodes, ref: NodeRef, said: str) -> None:
    with pytest.raises(UserError) as caught:
        find(nodes, ref)
    assert said in str(caught.value)


def down(*, marked: bool = False, reason: str = "", since_s: float = FOUR_PAST_S) -> dict[str, Any]:
    return {"since_s": since_s, "marked": marked, "reason": reason}


FULL = down(marked=True, reason="disk full")


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        pytest.param({}, "", id="nobody"),
        pytest.param({"ci/dm-7": down()}, "dm-7 is down since 12:04 UTC (no connection)", id="one"),
        pytest.param(
            {"ci/dm-7": down(reason="ping\ntimed out")},
            "dm-7 is down since 12:04 UTC (no connection: ping timed out)",
            id="one-with-a-reason",
        ),
        pytest.param(
            {"ci/dm-7": down(reason="a"), "ci/dm-8": down(reason="b"), "ci/arm-2": FULL, "ci/arm-3": FULL},
            "4 agents are down since 12:04 UTC: dm-7, dm-8 (no connection), arm-2, arm-3 (marked: disk full)",
            id="those-of-one-cause-together",
        ),
        pytest.param(
            {"ci/dm-7": down(), "old-ci/dm-7": down()},
            "2 agents are down since 12:04 UTC: ci/dm-7, old-ci/dm-7 (no connection)",
            id="two-servers",
        ),
        pytest.param(
            {"ci/dm-7": down(since_s=FOUR_PAST_S - 90_000)},
            "dm-7 is down since 2015-05-31 11:04 UTC (no connection)",
            id="since-long",
        ),
        pytest.param(
            {f"ci/dm-{number}": down(reason=f"{number}") for number in range(300)},
            f"300 agents are down since 12:04 UTC: {', '.join(f'dm-{n}' for n in range(MAX_SHOWN))}"
            " and 292 more (no connection)",
            id="a-storm-is-one-line",
        ),
        pytest.param(
            {f"ci/dm-{number}": down(marked=True, reason=f"{number}") for number in range(10)},
            f"10 agents are down since 12:04 UTC: {', '.join(f'dm-{n} (marked: {n})' for n in range(8))} and 2 more",
            id="many-causes",
        ),
    ],
)
def test_who_is_down_is_one_line(rows: dict[str, Any], text: str) -> None:
    assert words_of_down(rows, NOW) == text


@pytest.mark.parametrize(
    ("back", "text"),
    [
        pytest.param({}, "", id="nobody"),
        pytest.param({"ci/dm-7": 720.0}, "dm-7 is back after 12m", id="one"),
        pytest.param({"ci/dm-7": 720.0, "ci/dm-8": 730.0}, "dm-7, dm-8 are back after 12m", id="together"),
        pytest.param(
            {f"ci/dm-{n}": 60.0 * (n + 1) for n in range(6)},
            "dm-0, dm-1, dm-2 and 3 more are back after 1m to 6m",
            id="many",
        ),
    ],
)
def test_who_is_back_is_one_line(back: dict[str, float], text: str) -> None:
    assert words_of_back(back) == text


def seen(name: str, down_s: float | None = None) -> NodeSeen:
    return NodeSeen(key=name, lane="nodes", at=NOW, node=NodeRef("ci", name), since_s=FOUR_PAST_S, down_s=down_s)


@pytest.mark.parametrize(
    ("kept", "events", "news", "still"),
    [
        pytest.param({}, [seen("a"), seen("b")], {"ci/a": None, "ci/b": None}, ["ci/a", "ci/b"], id="down"),
        pytest.param({}, [seen("a"), seen("a", 9.0)], {}, [], id="back-before-anybody-heard"),
        pytest.param({"news": {}, "down": {"ci/a": down()}}, [seen("a", 9.0)], {"ci/a": 9.0}, [], id="back"),
        pytest.param(
            {"news": {}, "down": {"ci/a": down()}}, [seen("a", 9.0), seen("a")], {"ci/a": None}, ["ci/a"], id="again"
        ),
        pytest.param({}, [seen("a", 9.0)], {"ci/a": 9.0}, [], id="back-though-not-known-to-be-down"),
    ],
)
def test_news_are_kept_until_they_are_told(
    kept: dict[str, Any], events: list[NodeSeen], news: dict[str, Any], still: list[str]
) -> None:
    for event in events:
        kept = with_news(kept, event)
    assert kept["news"] == news
    assert list(kept["down"]) == still


@pytest.mark.parametrize(
    ("found", "still"),
    [
        pytest.param(Nodes([LOST, ARM]), ["ci/dm-7"], id="one-is-up-and-one-is-gone"),
        pytest.param(Nodes([ARM], ["Jenkins old-ci does not answer (x)"]), ["ci/dm-7", "ci/gone"], id="silent-server"),
        pytest.param(Nodes([]), [], id="all-gone"),
    ],
)
def test_who_is_still_down(found: Nodes, still: list[str]) -> None:
    assert still_down({"ci/dm-7": down(), "ci/arm-2": down(), "ci/gone": down()}, found) == still


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"gather_s": -1}, id="gather"),
        pytest.param({"remind_s": 0}, id="remind"),
        pytest.param({"reminders": 101}, id="reminders"),
    ],
)
def test_settings_must_make_sense(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(given))} must be"):
        NodesSettings(**given)
