"""A plugin's own section of the configuration, and what the registry knows of what is loaded."""

import importlib
import logging
from pathlib import Path
from typing import Any

import pytest

from bot.errors import ConfigError
from bot.events import BuildFinished, BuildStarted, Tick
from bot.loader import load_plugins, read_settings
from bot.plugin import Plugin, Settings
from bot.values import JobRef, Result
from tests.contract.journals import AT


class Told(Settings, frozen=True):
    """The settings of the plugin of these tests."""

    gather_s: float = 1.0
    quiet: bool = False
    names: tuple[str, ...] = ()


WITH, WITHOUT = Plugin("told", settings=Told), Plugin("told")
SOURCE = '''"""{name} says something."""

from bot.events import BuildFinished
from bot.plugin import Call, Context, Plugin, Settings


class Own(Settings, frozen=True):
    """What may be set."""

    loud: bool = False


plugin = Plugin("{name}", settings=Own)


@plugin.command("{name}", reads=True)
async def {name}(ctx: Context, call: Call) -> str:
    """Say it."""
    return "{name}"


@plugin.on(BuildFinished)
async def heard(ctx: Context, event: BuildFinished) -> None:
    """Say nothing."""


@plugin.every(60)
async def minute(ctx: Context, event: object) -> None:
    """Say nothing."""
'''


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        pytest.param({}, Told(), id="defaults"),
        pytest.param({"gather_s": 2}, Told(gather_s=2.0), id="a-whole-number-is-a-number"),
        pytest.param({"names": ["a", "b"], "quiet": True}, Told(names=("a", "b"), quiet=True), id="all"),
    ],
)
def test_a_section_becomes_the_plugins_settings(section: dict[str, Any], expected: Told) -> None:
    assert read_settings(WITH, section) == expected


@pytest.mark.parametrize(
    ("plugin", "section", "words"),
    [
        pytest.param(WITH, {"gather": 1}, 'unknown key "gather" (did you mean "gather_s"?)', id="near"),
        pytest.param(WITH, {"xyzzy": 1}, 'unknown key "xyzzy"; there are: gather_s, quiet, names', id="far"),
        pytest.param(WITH, {"gather_s": "soon"}, "[plugin.told] Expected `float`", id="text-for-a-number"),
        pytest.param(WITH, {"quiet": 1}, "Expected `bool`", id="number-for-a-switch"),
        pytest.param(WITH, {"names": "a"}, "Expected `array`", id="text-for-a-list"),
        pytest.param(WITHOUT, {"gather_s": 1}, 'takes no settings, has "gather_s"', id="takes-none"),
    ],
)
def test_a_wrong_section_is_told_by_name(plugin: Plugin, section: dict[str, Any], words: str) -> None:
    """F40."""
    with pytest.raises(ConfigError) as caught:
        read_settings(plugin, section)
    assert "[plugin.told]" in str(caught.value)
    assert words in str(caught.value)


def test_every_wrong_key_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings(WITH, {"gather": 1, "quite": True})
    assert len(caught.value.problems) == 2


def test_no_section_and_no_settings_is_nothing() -> None:
    assert read_settings(WITHOUT, {}) is None


def test_a_plugin_with_a_wrong_section_is_named_and_leaves_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """F40: its commands are not there half-way, and the others are."""
    for name in ("rightly_set", "wrongly_set"):
        (tmp_path / f"{name}.py").write_text(SOURCE.format(name=name))
    sections = {"rightly_set": {"loud": True}, "wrongly_set": {"lout": True}}
    with caplog.at_level(logging.ERROR):
        registry = load_plugins(["wrongly_set", "rightly_set"], sections, tmp_path)
    assert 'did you mean "loud"' in registry.broken["wrongly_set"]
    assert "wrongly_set" in caplog.text
    assert list(registry.plugins) == ["rightly_set"]
    assert list(registry.commands) == ["confirm", "rightly_set"]
    assert registry.settings["rightly_set"].loud is True


def test_an_event_finds_those_who_want_it_in_the_order_of_loading(tmp_path: Path) -> None:
    """A tick is for the one handler that it names; another kind of event is for nobody."""
    for name in ("zz_first", "aa_second"):
        (tmp_path / f"{name}.py").write_text(SOURCE.format(name=name))
    registry = load_plugins(["zz_first", "aa_second"], {}, tmp_path)
    facts: dict[str, Any] = {"key": "k", "lane": "l", "at": AT, "request_id": "r", "context": "c", "sha": "a"}
    facts |= {"job": JobRef("ci", "j"), "pull": None, "number": 1, "url": ""}
    finished = BuildFinished(**facts, result=Result.SUCCESS, duration_s=1.0, node="", asks=())
    both = registry.handlers_of(finished)
    assert [registry.handlers[name].plugin for name in both] == ["zz_first", "aa_second"]
    assert registry.handlers_of(finished, plugin="aa_second") == both[1:]
    assert registry.handlers_of(BuildStarted(**facts)) == ()
    beaten = [name for name, handler in registry.handlers.items() if handler.every_s]
    tick = Tick(key=f"tick:{beaten[1]}:77", lane="l", at=AT)
    assert registry.handlers_of(tick) == (beaten[1],)
    assert {Path(file).stem: name for file, name in registry.files.items()} == {
        "zz_first": "zz_first",
        "aa_second": "aa_second",
    }


@pytest.mark.parametrize(
    ("name", "why"),
    [
        pytest.param("rebild", 'there is no such plugin (did you mean "rebuild"?)', id="near-one-of-ours"),
        pytest.param("greatings", 'there is no such plugin (did you mean "greetings"?)', id="near-one-in-the-folder"),
        pytest.param("xyzzy", "there is no such plugin", id="near-none"),
    ],
)
def test_a_plugin_that_is_not_there_is_told_with_the_nearest_name(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "greetings.py").write_text(SOURCE.format(name="greetings"))
    assert load_plugins([name], {}, tmp_path).broken == {name: why}


TWICE = """
@plugin.{declared}
async def {name}(ctx: Context, call: object) -> None:
    \"\"\"Say nothing.\"\"\"
"""


@pytest.mark.parametrize(
    ("declared", "name", "why"),
    [
        pytest.param('command("doubled <x>")', "other", 'the command "doubled" is there twice', id="commands"),
        pytest.param("on(BuildFinished)", "heard", 'the handler "doubled.heard" is there twice', id="handlers"),
        pytest.param("every(5)", "heard", 'the handler "doubled.heard" is there twice', id="handler-and-tick"),
    ],
)
def test_what_a_plugin_has_twice_is_refused(tmp_path: Path, declared: str, name: str, why: str) -> None:
    """F36: which of the two answers must not hang on their order in the file."""
    source = SOURCE.format(name="doubled") + TWICE.format(declared=declared, name=name)
    (tmp_path / "doubled.py").write_text(source)
    assert why in load_plugins(["doubled"], {}, tmp_path).broken["doubled"]


def test_all_files_of_a_plugin_that_is_a_package_are_known_as_its_own() -> None:
    """The watchdog names who blocks by the file of the code that runs, whichever of the package that is."""
    files = load_plugins(["failures"], {}).files
    assert {Path(file).name for file, plugin in files.items() if plugin == "failures"} >= {"__init__.py", "lines.py"}
    for module in ("plugins.failures", "plugins.failures.lines"):
        assert files[importlib.import_module(module).__file__ or ""] == "failures"
