"""G2: no call with a side effect, and no write on its way, without a point at which the tests can kill Gordon."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.crash import POINTS

BOT = Path(__file__).parents[1] / "bot"
# What is called, what only the demo and tests run, and what reads logs or makes a configuration and changes nothing.
OUTSIDE = ("adapters", "demo", "diagnosis", "leeroy_import.py")
# What changes the outside, by the ports' names: BuildServer, Chat, ForgeServer.
EFFECTS = {"trigger", "cancel_queued", "stop", "set_node", "send", "edit"}
EFFECTS |= {"set_status", "comment", "edit_comment", "delete_comment", "set_labels", "react"}
# Common words; these are ours and change nothing outside. Whatever is not listed is taken for a neighbour.
OURS = {"app.stop", "self.loop.stop", "self.work.stop", "self.effects.stop", "self.watchdog.stop"}
OURS |= {"event.comment", "fact.comment"}
# Where an event, an effect, words and a build are written on their way: file, function and point.
WRITES = [
    ("journal.py", "accept", "journal.accept"),
    ("journal.py", "finish", "journal.finish"),
    ("journal.py", "wait", "journal.wait"),
    ("journal.py", "saying", "outbox.begin"),
    ("effects.py", "_record", "effect.record"),
    ("effects.py", "_note", "effect.settle"),
    ("joining.py", "join", "builds.join"),
    ("joining.py", "adopt", "builds.join"),
    ("accepting.py", "__call__", "rows.move"),
]


def sources() -> dict[str, str]:
    """Read every file of the program whose calls count."""
    files = [path for path in BOT.rglob("*.py") if path.relative_to(BOT).parts[0] not in (*OUTSIDE, "testing.py")]
    return {str(path.relative_to(BOT)): path.read_text(encoding="utf-8") for path in files}


def walk(node: ast.AST, points: tuple[str, ...] = ()) -> Iterator[tuple[ast.AST, tuple[str, ...]]]:
    """Yield each node with the names of the crash points around it; a function made there runs somewhere else."""
    yield node, points
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        points = ()
    if isinstance(node, ast.With):
        for item in node.items:
            yield from walk(item, points)
        points += tuple(name for item in node.items if (name := point_of(item.context_expr)))
        for statement in node.body:
            yield from walk(statement, points)
        return
    for child in ast.iter_child_nodes(node):
        yield from walk(child, points)


def point_of(call: ast.expr) -> str:
    """Tell the name in `crash_points("name")`; empty for any other context."""
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "crash_points":
        [name] = call.args
        assert isinstance(name, ast.Constant), "a name that is no literal cannot be found by a test"
        return str(name.value)
    return ""


def unmarked(text: str) -> list[str]:
    """List side effects that stand in no crash points; a method that is only handed on counts as called."""
    found = []
    for node, points in walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and node.attr in EFFECTS and isinstance(node.ctx, ast.Load) and not points:
            name = ast.unparse(node)
            if name not in OURS:
                found.append(f"line {node.lineno}: {name}")
    return found


def written(text: str, function: str) -> set[str]:
    """Tell the points around the writes of one function, with "" for a write without one."""
    [body] = [
        node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.AsyncFunctionDef) and node.name == function
    ]
    return {
        points[-1] if points else ""
        for statement in body.body
        for node, points in walk(statement)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "self._database.write"
    }


@pytest.mark.parametrize("name", sorted(sources()))
def test_side_effects_stand_in_crash_points(name: str) -> None:
    assert unmarked(sources()[name]) == []


@pytest.mark.parametrize(("name", "function", "point"), WRITES, ids=[f"{row[1]} {row[2]}" for row in WRITES])
def test_writes_on_the_way_stand_in_their_crash_point(name: str, function: str, point: str) -> None:
    assert written(sources()[name], function) == {point}


def test_the_names_in_the_code_are_the_points_that_are_killed_at() -> None:
    used = {name for text in sources().values() for _, points in walk(ast.parse(text)) for name in points}
    assert {f"{name}.{side}" for name in used for side in ("before", "after")} == set(POINTS)


@pytest.mark.parametrize(
    ("name", "point"),
    [
        pytest.param("build_effects.py", "jenkins.trigger", id="trigger"),
        pytest.param("build_effects.py", "jenkins.cancel", id="cancel_queued"),
        pytest.param("build_effects.py", "jenkins.stop", id="stop"),
        pytest.param("node_effects.py", "jenkins.node", id="set_node"),
        pytest.param("forge_effects.py", "forge.status", id="set_status"),
        pytest.param("forge_effects.py", "forge.labels", id="set_labels"),
        pytest.param("outbox.py", "chat.send", id="send"),
    ],
)
def test_a_side_effect_whose_points_were_removed_is_found(name: str, point: str) -> None:
    bare = sources()[name].replace(f'with crash_points("{point}"):', "if True:")
    assert len(unmarked(bare)) == sources()[name].count(f'crash_points("{point}")')
    assert unmarked(bare) != []


@pytest.mark.parametrize(("name", "function", "point"), WRITES, ids=[f"{row[1]} {row[2]}" for row in WRITES])
def test_a_write_whose_points_were_removed_is_found(name: str, function: str, point: str) -> None:
    bare = sources()[name].replace(f'with crash_points("{point}"):', "if True:")
    assert written(bare, function) == {""}


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        pytest.param("await server.stop(build)", True, id="called"),
        pytest.param("later(server.trigger, order)", True, id="handed on"),
        pytest.param('with crash_points("x"):\n    act = lambda: server.trigger(order)', True, id="run later"),
        pytest.param('with crash_points("x"):\n    await server.trigger(order)', False, id="in its points"),
        pytest.param("with open(path):\n    await chat.send(place, words)", True, id="in another context"),
        pytest.param("await self.effects.stop(3)", False, id="ours"),
        pytest.param("server.stop = None", False, id="not called"),
    ],
)
def test_what_counts_as_a_side_effect(text: str, is_found: bool) -> None:
    assert bool(unmarked(f"async def act():\n    {text.replace(chr(10), chr(10) + '    ')}")) is is_found
