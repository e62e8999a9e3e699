"""The examples of `deploy/` say what the program does with them."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec

from bot.config import load
from bot.config_values import LIMITS
from bot.loader import load_plugins
from bot.people import load_people
from bot.settings import CoreSettings, GordonSettings
from bot.values import Role
from tests.test_config import kinds

DEPLOY = Path(__file__).parents[1] / "deploy"
EXAMPLE, PEOPLE = DEPLOY / "gordon.example.toml", DEPLOY / "people.example.toml"


def settings_of(header: str) -> type[msgspec.Struct]:
    """Find what describes a table of the configuration, by its header as TOML has it."""
    kind: Any = GordonSettings
    inner = tomllib.loads(header)
    plugin = next(iter(inner.get("plugin", ())), "")
    if plugin:
        kind, inner = type(load_plugins([plugin], {}).settings[plugin]), inner["plugin"][plugin]
    while inner:
        ((name, inner),) = inner.items()
        if isinstance(kind, type):
            kind = next(field.type for field in msgspec.structs.fields(kind) if field.name == name)
        elif get_args(kind):
            kind = get_args(kind)[1]
        if not isinstance(kind, type) and type(None) in get_args(kind):
            kind = get_args(kind)[0]
    assert isinstance(kind, type)
    assert issubclass(kind, msgspec.Struct)
    return kind


def shown_keys() -> Iterator[tuple[type[msgspec.Struct], str, object, str]]:
    """Read the example line by line: the table's settings, the key, its value, and the text beside it."""
    kind: type[msgspec.Struct] = GordonSettings
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            kind = settings_of(line)
        elif found := re.fullmatch(r"(?:# )?(\w+ = .+?) +# (.+)", line):
            ((key, value),) = tomllib.loads(found[1]).items()
            yield kind, key, value, found[2]
        else:
            assert not line or line.startswith("# "), line


def test_the_example_is_right_and_shows_every_key() -> None:
    load(EXAMPLE)
    shown = {(kind, key) for kind, key, _, _ in shown_keys()}
    known = kinds(GordonSettings) | kinds(settings_of("[plugin.failures]"))
    for kind in known - {GordonSettings}:
        for field in msgspec.structs.fields(kind):
            is_table = any(part in known for part in (field.type, *get_args(field.type)))
            assert (kind, field.name) in shown or is_table, f"{kind.__name__}.{field.name}"
    headers = [line for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if line.startswith("[")]
    for name in (*GordonSettings.__struct_fields__, 'repos."moby/moby".contexts', "jenkins.ci.parameters"):
        assert any(header.startswith(f"[{name}") for header in headers), name


def test_the_example_shows_what_holds_when_a_key_is_left_out() -> None:
    for kind, key, value, text in shown_keys():
        field = next(field for field in msgspec.structs.fields(kind) if field.name == key)
        assert text.startswith("must be there") == field.required, f"{key}: {text}"
        if not field.required and not text.startswith("example"):
            assert field.default is not None, f"{key}: {text}"
            assert type(field.default)(value) == field.default, f"{key}: {text}"
        if key in LIMITS.get(kind, {}):
            low, high = LIMITS[kind][key]
            assert f"{low} to {high}" in text, f"{key}: {text}"


def test_the_example_of_people_gives_each_role_its_commands() -> None:
    told = dict(re.findall(r"^#   (\w+) +(.+)$", PEOPLE.read_text(encoding="utf-8"), re.MULTILINE))
    assert list(told) == [role.name.lower() for role in Role]
    commands = load_plugins(CoreSettings(home="").plugins, {}).commands.values()
    words = {command.usage.name.split()[0] for command in commands}
    for role in Role:
        mine = {command.usage.name.split()[0] for command in commands if command.role is role}
        assert set(re.findall(r"\w+", told[role.name.lower()])) & words == mine


def test_the_examples_fit_together() -> None:
    settings = load(EXAMPLE)
    people = load_people(PEOPLE, repos=settings.repos, networks=(*settings.irc, *settings.slack))
    assert settings.console is not None
    assert people.by_name(settings.console.person) is not None


def test_the_readme_names_each_secret_that_the_example_wants() -> None:
    readme = (DEPLOY.parent / "README.md").read_text(encoding="utf-8")
    install = readme.split("## Install and run")[1].split("\n## ")[0]
    wanted = [
        value
        for table in ("jenkins.ci", "github", "irc.libera", "slack.moby")
        for key, value in tables_in(table).items()
        if key.endswith(("_file", "_env"))
    ]
    assert len(wanted) == 6
    for secret in wanted:
        assert f"`{secret}`" in install


def tables_in(header: str) -> dict[str, Any]:
    found = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    for name in header.split("."):
        found = found[name]
    return found
