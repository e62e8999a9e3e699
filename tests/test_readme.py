"""What the documents say is so: tables, commands, files, and the plugin that they show."""

import argparse
import json
import re
import types
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import msgspec
import pytest

from bot import events
from bot.cli import FAILED, WRONG
from bot.commands import find_command
from bot.demo.jenkins.model import Plan
from bot.demo.world import PLUGINS, World
from bot.diagnosis.command_line import EXIT_STATUS, UNREAD, add_diagnose
from bot.diagnosis.lint import lint
from bot.diagnosis.verdict import Kind
from bot.loader import Registry, load_plugins
from bot.plugin import Command
from bot.settings import CoreSettings, GordonSettings
from bot.testing import running
from bot.watchdog import STUCK_EXIT
from tests.rows import GOALS, OUT_OF_SCOPE, ROWS, cited, rows_in

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PLUGINS_README = (ROOT / "plugins" / "README.md").read_text()
DOCUMENTS = [ROOT / f"{folder}README.md" for folder in ("", "bot/", "bot/diagnosis/", "plugins/", "tests/", "deploy/")]
DOCUMENTS.append(ROOT / "deploy" / "slack.md")

MADE = {"gordon.toml", "known.toml", "people.toml", "tries.py"}  # what readers make, or Gordon

# How documents write the name of a table that the reader names.
PLACEHOLDERS = {
    "repos": '"OWNER/NAME"',
    "repo": '"OWNER/NAME"',
    "pushes": "BRANCH",
    "contexts": "CONTEXT",
    "context": "CONTEXT",
    "channel": '"#CHANNEL"',
    "job": '"GLOB"',
}


@pytest.fixture(scope="module")
def registry() -> Registry:
    """What is loaded when the configuration names no plugins."""
    return load_plugins(CoreSettings(home="").plugins, {})


def tables(text: str) -> Iterator[list[str]]:
    """Read the rows of all tables of a document, without their heads; a `\\|` is a `|`."""
    is_head = True
    for line in text.splitlines():
        if not line.startswith("|"):
            is_head = True
        elif re.fullmatch(r"[|\- :]+", line):
            is_head = False
        elif not is_head:
            cells = re.split(r"(?<!\\)\|", line)[1:-1]
            yield [cell.strip().replace(r"\|", "|") for cell in cells]


def section(text: str, heading: str) -> str:
    """Cut what stands under a heading, up to the next of its rank or a higher one."""
    rank = len(heading) - len(heading.lstrip("#"))
    _, found, rest = f"\n{text}".partition(f"\n{heading}\n")
    assert found, f"no heading {heading!r}"
    return re.split(rf"\n#{{1,{rank}}} ", rest)[0]


def row_of(command: Command) -> list[str]:
    return [f"`{command.usage.text}`", command.role.name.lower(), command.help]


def test_the_readme_lists_the_commands(registry: Registry) -> None:
    assert list(tables(section(README, "## Commands"))) == [row_of(one) for one in registry.commands.values()]


@pytest.mark.parametrize("name", PLUGINS)
def test_the_catalogue_lists_the_commands_of_each_plugin(registry: Registry, name: str) -> None:
    rows = list(tables(section(PLUGINS_README, f"### {name}")))
    assert rows == [row_of(one) for one in registry.plugins[name].commands]


def test_the_catalogue_has_every_plugin(registry: Registry) -> None:
    assert list(registry.plugins) == list(PLUGINS)
    assert registry.broken == {}
    files = {path.stem for path in (ROOT / "plugins").glob("*.py")} - {"__init__"}
    files |= {path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py")}
    assert set(re.findall(r"^### (\w+)$", section(PLUGINS_README, "## Commands"), re.MULTILINE)) == files


def test_the_catalogue_lists_the_events_of_builds_agents_and_pull_requests() -> None:
    listed = {row[0] for row in tables(section(PLUGINS_README, "### What there is to hear"))}
    kinds = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, events.Event)]
    bases = {base for kind in kinds for base in kind.__bases__}
    own = {"CommandGiven", "TroubleSeen", "ReloadAsked", "Tick"}  # of the program, by other words than `on`
    assert set(re.findall(r"`(\w+)`", " ".join(listed))) == {one.__name__ for one in kinds if one not in bases} - own


def test_what_the_readme_types_are_commands(registry: Registry) -> None:
    typed = re.findall(r"^(?:\d\d:\d\d )?< ?\w+> !(.+)$", README, re.MULTILINE)
    assert len(typed) > 5
    for text in typed:
        find_command(registry.usages, text)


def keys_of(kind: type[msgspec.Struct], path: tuple[str, ...] = ()) -> Iterator[tuple[str, str, str]]:
    """List the keys of a table and those inside it: the table's header, the key, its value when left out."""
    for field in msgspec.structs.fields(kind):
        inner = struct_in(field.type)
        if inner is None:
            factory = field.default_factory
            default = field.default if factory is msgspec.NODEFAULT else factory()
            yield f"[{'.'.join(path)}]", field.name, "required" if field.required else written(default)
            continue
        named = (PLACEHOLDERS.get(field.name, "NAME"),) if get_origin(field.type) is dict else ()
        yield from keys_of(inner, (*path, field.name, *named))


def struct_in(kind: Any) -> type[msgspec.Struct] | None:
    """Find the settings that a type holds: itself, one of a choice, or the values of a mapping."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    is_holder = get_origin(kind) in (dict, Union, types.UnionType)
    return next((found for one in get_args(kind) if is_holder and (found := struct_in(one))), None)


def written(value: object) -> str:
    """Write a value as TOML has it; nothing for what is empty."""
    if value in (None, "", (), {}):
        return ""
    if isinstance(value, Path):
        return f"`{json.dumps(str(value))}`"
    return f"`{json.dumps(value)}`"


def test_the_readme_lists_every_key_of_the_configuration(registry: Registry) -> None:
    known = [key for key in keys_of(GordonSettings) if key[:2] != ("[]", "plugin")]
    for plugin in registry.plugins.values():
        known += keys_of(plugin.settings, ("plugin", plugin.name)) if plugin.settings else []
    told, header = [], ""
    for name, default, _meaning in tables(section(README, "## Configuration")):
        if found := re.fullmatch(r"\*\*`(\[.+\])`\*\*", name):
            header = found[1]
        else:
            told.append((header, name.strip("`"), default))
    assert told == known


def test_the_reading_of_settings_finds_inner_tables() -> None:
    keys = {(header, key): default for header, key, default in keys_of(GordonSettings)}
    assert keys["[gordon]", "home"] == "required"
    assert keys["[jenkins.NAME.parameters]", "request_id"] == '`"GORDON_REQUEST_ID"`'
    assert keys['[repos."OWNER/NAME".contexts.CONTEXT]', "job"] == "required"
    assert keys["[github]", "token_file"] == ""


def test_the_runbook_knows_every_exit_status() -> None:
    text = (ROOT / "deploy" / "README.md").read_text()
    told = {int(row[0]) for row in tables(section(text, "## Exit status"))}
    assert told == {0, FAILED, WRONG, STUCK_EXIT, 130}


def test_the_readme_knows_how_diagnose_ends_and_what_it_takes() -> None:
    told = [row for row in tables(section(README, "## Why did it fail?")) if row[0].isdigit()]
    assert [int(row[0]) for row in told] == sorted({*EXIT_STATUS.values(), UNREAD, WRONG})
    meanings = {int(status): meaning.partition(":")[0] for status, meaning in told}
    assert {kind: meanings[status] for kind, status in EXIT_STATUS.items()} == {kind: kind.value for kind in Kind}
    parser = argparse.ArgumentParser()
    add_diagnose(parser.add_subparsers())
    taken = set(re.findall(r"--[a-z-]+", usage_of(parser, "diagnose")))
    listed = {row[0].strip("`").split()[0] for row in tables(section(README, "## Why did it fail?")) if "--" in row[0]}
    assert listed == taken - {"--help", "--no-color"}


def test_the_signature_in_the_documents_is_right(tmp_path: Path) -> None:
    text = (ROOT / "bot" / "diagnosis" / "README.md").read_text()
    code = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert code
    (tmp_path / "acme.toml").write_text(code[1])
    assert [str(finding) for finding in lint([tmp_path / "acme.toml"], today=date(2026, 12, 1))] == []


def test_each_file_of_a_diagnosis_has_its_place_in_the_documents() -> None:
    folder = ROOT / "bot" / "diagnosis"
    named = set(re.findall(r"`(\w+\.py)`", (folder / "README.md").read_text()))
    assert named == {file.name for file in folder.glob("*.py")} - {"__init__.py"}


def usage_of(parser: argparse.ArgumentParser, command: str) -> str:
    """Give the help of a command, without its examples."""
    actions = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    inner = actions[0].choices[command]
    return str(inner.format_usage())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_document_points_to_is_there(document: Path) -> None:
    text = document.read_text()
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (document.parent / target).exists(), target
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", text)) <= targets
    for name in re.findall(r"`([\w/]+\.(?:py|toml|md))`", text):
        assert (
            any((folder / name).is_file() for folder in (document.parent, ROOT, ROOT / "bot"))
            or name in MADE
            or "NAME" in name
        ), name


def test_the_map_of_the_program_has_every_file() -> None:
    told = set(re.findall(r"`([\w/]+\.py)`", (ROOT / "bot" / "README.md").read_text()))
    outer = {path.name for path in (ROOT / "bot").glob("*.py")} - {"__init__.py"}
    assert outer - told == set()


async def test_the_plugin_in_the_catalogue_works(tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", PLUGINS_README, re.DOTALL)
    assert code
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "tries.py").write_text(code[1])
    async with (
        World(tmp_path, plugins=(*PLUGINS, "tries"), plugin_folder=folder, numbers={"poll_s": 0.05}) as world,
        running(tmp_path, world=world) as gordon,
    ):
        world.build_of(lambda starting: Plan(duration_s=0))
        for told in ("0 builds", "1 build", "2 builds"):
            assert await gordon.say("newcomer", "tries moby#1") == f"moby#1 has taken {told}"
            before = len(gordon.lines)
            await gordon.say("tianon", "rebuild moby#1 experimental again", expect="queued experimental")
            await gordon.chat.line("experimental #. passed", after=before)


def test_every_row_has_a_test() -> None:
    found = cited()
    assert [row for row in ROWS if row not in found and row not in OUT_OF_SCOPE] == []


def test_the_table_of_rows_names_tests_that_cite_them() -> None:
    found: Mapping[str, list[str]] = cited()
    told = {row: tests for row, _, tests in tables(section((ROOT / "tests" / "README.md").read_text(), "## Rows"))}
    assert tuple(told) == ROWS
    for row, tests in told.items():
        names = re.findall(r"`([^`]+)`", tests)
        assert tests.startswith("out of scope: ") if row in OUT_OF_SCOPE else names
        assert set(names) <= {test.removeprefix("tests/") for test in found.get(row, [])}, row


def test_the_table_of_goals_names_what_measures_them() -> None:
    """A test that cites the goal, or a file of the benchmarks."""
    found = cited()
    told = {goal: by for goal, _, by, _ in tables(section((ROOT / "tests" / "README.md").read_text(), "## Goals"))}
    assert tuple(told) == GOALS
    for goal, by in told.items():
        names = re.findall(r"`([^`]+)`", by)
        assert names or by.startswith("out of scope: ")
        for name in names:
            if name.startswith("bench/"):
                assert (ROOT / "tests" / name).is_file(), name
            else:
                assert f"tests/{name}" in found.get(goal, []), (goal, name)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        pytest.param('id="F23-lost"', {"F23"}, id="in-an-id"),
        pytest.param("F36 to F39: a plugin", {"F36", "F37", "F38", "F39"}, id="a-range"),
        pytest.param("F21, A24", {"F21", "A24"}, id="a-list"),
        pytest.param("0xF23 a12 F230 UTF8", set(), id="no-rows"),
    ],
)
def test_how_rows_are_cited(text: str, rows: set[str]) -> None:
    assert rows_in(text) == rows
