"""How commands are found, explained and listed."""

import pytest

from bot.commands import Usage
from bot.plugin import Call, Card, Command, Context, Role, UserError
from plugins.help import explain, overview, pick


async def nothing(ctx: Context, call: Call) -> None: ...


def command(usage: str, plugin: str = "operate", role: Role = Role.ANYONE) -> Command:
    return Command(plugin, Usage.parse(usage), role, False, "Do it.", nothing)


COMMANDS = [
    command("letters"),
    command("letters drop <letter>"),
    command("plugins on <plugin>"),
    command("rebuild <pull> [<context>...] [again]", "rebuild", Role.AUTHOR),
]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        pytest.param("rebuild", ["rebuild"], id="one"),
        pytest.param("letters", ["letters", "letters drop"], id="with-those-that-begin-so"),
        pytest.param("letters drop", ["letters drop"], id="two-words"),
        pytest.param("plugins", ["plugins on"], id="only-a-beginning"),
        pytest.param("rebuild moby#7 lxc", ["rebuild"], id="a-whole-line"),
    ],
)
def test_commands_are_found(wanted: str, names: list[str]) -> None:
    assert [found.usage.name for found in pick(COMMANDS, wanted)] == names


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        pytest.param("rebiuld", f'no command "rebiuld"; did you mean: {COMMANDS[3].usage.text}', id="misspelt"),
        pytest.param(
            "rebiuld moby#7", f'no command "rebiuld"; did you mean: {COMMANDS[3].usage.text}', id="a-whole-line"
        ),
        pytest.param("letters dorp", '"dorp" is too much; did you mean: letters drop <letter>', id="the-second-word"),
        pytest.param("qqqq", 'no command "qqqq"; try help', id="nothing-near"),
    ],
)
def test_an_unknown_command_gets_the_nearest(wanted: str, text: str) -> None:
    with pytest.raises(UserError) as caught:
        pick(COMMANDS, wanted)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("one", "text"),
    [
        pytest.param(COMMANDS[0], "letters - Do it", id="for-anyone"),
        pytest.param(COMMANDS[3], "rebuild <pull> [<context>...] [again] - Do it (author)", id="with-a-role"),
    ],
)
def test_a_command_is_explained(one: Command, text: str) -> None:
    assert explain(one) == text


def test_names_are_listed_by_plugin_in_the_order_of_the_configuration() -> None:
    plugins = {"rebuild": "on", "silent": "on", "operate": "on"}
    told = ("rebuild: rebuild", "operate: letters, letters drop, plugins on", "help <command> tells more")
    listed = overview(reversed(COMMANDS), plugins)
    assert isinstance(listed, Card)
    assert (listed.title, listed.lines) == ("commands that you may give", told)
    assert listed.one_line() == "; ".join(told)
