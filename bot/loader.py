"""Finding plugins by name: our own package, entry points of other packages, a folder of files.

A plugin that does not load is named with its reason and the rest start; two commands of one name, or two plugins, are
refused, because which of them answers must not hang on chance.
"""

import importlib
import importlib.util
import logging
import pkgutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_type_hints

import msgspec

from bot.commands import Usage
from bot.confirm import CONFIRM
from bot.errors import ConfigError, GordonError
from bot.events import Event, Tick, TimeCame
from bot.plugin import CRON, Command, Handler, Plugin
from bot.settings import Settings
from bot.toml_file import At, or_nearest, show, table_name

ENTRY_POINTS = "gordon.plugins"
OWN = "plugins"
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Registry:
    """All that is loaded, and what is not with the reason.

    Arguments:
        commands: by name, as `rebuild` or `letters replay`; first the core's own.
        handlers: by their names on disk.
        files: source file to plugin, by which the watchdog names who blocks.
    """

    plugins: dict[str, Plugin] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    commands: dict[str, Command] = field(default_factory=lambda: {CONFIRM.usage.name: CONFIRM})
    handlers: dict[str, Handler] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def usages(self) -> Mapping[str, Usage]:
        return {name: command.usage for name, command in self.commands.items()}

    def hearers_of(self, event: Event, *, plugin: str) -> tuple[str, ...]:
        """Tell which handlers want an event of a plugin's: its own, unless it is one that all plugins know."""
        return self.handlers_of(event, plugin="" if type(event).__module__ == Event.__module__ else plugin)

    def handlers_of(self, event: Event, *, plugin: str = "") -> tuple[str, ...]:
        """Tell which handlers want an event, in the order of loading; only those of one plugin if named.

        A tick is for the one handler that its key names, and a time that came for those of the plugin whose it is.
        """
        if isinstance(event, Tick):
            return tuple(name for name in self.handlers if event.key.startswith(f"tick:{name}:"))
        if isinstance(event, TimeCame):
            plugin, entry = event.plugin, event.name if event.name.startswith(CRON) else ""
            return tuple(name for name in self._that_hear(event, plugin) if self.handlers[name].entry == entry)
        return tuple(self._that_hear(event, plugin))

    def _that_hear(self, event: Event, plugin: str) -> Iterator[str]:
        for name, handler in self.handlers.items():
            if isinstance(event, handler.kind) and handler.plugin == (plugin or handler.plugin):
                yield name


def load_plugins(
    names: Sequence[str], sections: Mapping[str, Mapping[str, Any]], folder: Path | None = None
) -> Registry:
    """Load plugins by name.

    Arguments:
        names: in the order in which their handlers run.
        sections: the configuration's `[plugin.NAME]`.
        folder: a folder of other people's plugins, one file each.
    """
    registry = Registry()
    points = _installed(tuple(sys.path))
    for name in names:
        try:
            plugin, module = _find(name, folder, points)
            settings = read_settings(plugin, sections.get(name, {}))
            _add(registry, plugin)
        except (Exception, SystemExit) as error:
            registry.broken[name] = str(error) if isinstance(error, GordonError) else f"{type(error).__name__}: {error}"
            log.error("plugin %s did not load: %s", name, registry.broken[name])
            continue
        registry.settings[name] = settings
        registry.files |= dict.fromkeys(_files_of(module), name)
    return registry


def read_settings(plugin: Plugin, section: Mapping[str, Any]) -> Any:
    """Check a plugin's own section against what it declares.

    Raises:
        ConfigError: a key or value is wrong; the text names the plugin and the nearest right key.
    """
    where = table_name(("plugin", plugin.name))
    if plugin.settings is None:
        if section:
            raise ConfigError((f"{where} takes no settings, has {', '.join(map(show, section))}",))
        return None
    return _read_table(plugin.settings, section, ("plugin", plugin.name))


def _read_table(kind: type[Settings], section: Mapping[str, Any], at: At) -> Any:
    """Check a table, and first the tables in it that have names of somebody's choice, as `job."docker-*"` is."""
    where, known = table_name(at), kind.__struct_fields__
    there_are = f"; there are: {', '.join(known)}"
    wrong = [
        f"{where} unknown key {show(key)}{or_nearest(key, known) or there_are}" for key in section if key not in known
    ]
    if wrong:
        raise ConfigError(tuple(wrong))
    for key, hint in get_type_hints(kind).items():
        inner = next((one for one in get_args(hint) if isinstance(one, type) and issubclass(one, Settings)), None)
        tables = section.get(key)
        if inner is not None and isinstance(tables, Mapping):
            for name, table in tables.items():
                if isinstance(table, Mapping):
                    _read_table(inner, table, (*at, key, name))
    try:
        return msgspec.convert(dict(section), kind)
    except msgspec.ValidationError as error:
        raise ConfigError((f"{where} {error}",)) from error


@cache
def _installed(where: tuple[str, ...]) -> EntryPoints:
    """List what packages in these folders offer, which takes reading a file of each."""
    return entry_points(group=ENTRY_POINTS)  # it looks in `sys.path`


def _find(name: str, folder: Path | None, points: EntryPoints) -> tuple[Plugin, ModuleType]:
    # Nothing of any is run before there is only one: what takes the name of another is never imported.
    found = [partial(_module_in, folder, name)] if folder and (folder / f"{name}.py").is_file() else []
    found += [partial(importlib.import_module, point.module) for point in points.select(name=name)]
    if importlib.util.find_spec(f"{OWN}.{name}"):
        found.append(partial(importlib.import_module, f"{OWN}.{name}"))
    if not found:
        raise ConfigError((f"there is no such plugin{or_nearest(name, _names(folder, points))}",))
    if len(found) > 1:
        raise ConfigError((f"there are {len(found)} plugins called {show(name)}; rename one",))
    module = found[0]()
    plugin = getattr(module, "plugin", None)
    if not isinstance(plugin, Plugin):
        raise ConfigError((f"{module.__name__} has no `plugin = Plugin(...)`",))
    if plugin.name != name:
        raise ConfigError((f"{module.__name__} calls itself {show(plugin.name)}, not {show(name)}",))
    return plugin, module


def _names(folder: Path | None, points: EntryPoints) -> Sequence[str]:
    """List the plugins that there are, for somebody who asked for one that is not there."""
    own = [module.name for module in pkgutil.iter_modules(importlib.import_module(OWN).__path__)]
    theirs = [file.stem for file in folder.glob("*.py")] if folder else []
    return (*own, *points.names, *theirs)


def _module_in(folder: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"gordon_plugin_{name}", folder / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder / name}.py cannot be read")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def _files_of(module: ModuleType) -> Iterator[str]:
    """List the source files of a plugin, which may be a package."""
    yield module.__file__ or ""
    for folder in getattr(module, "__path__", ()):
        yield from map(str, sorted(Path(folder).rglob("*.py")))


def _add(registry: Registry, plugin: Plugin) -> None:
    for what, names in (
        ("command", Counter(command.usage.name for command in plugin.commands)),
        ("handler", Counter(handler.handler for handler in plugin.handlers)),
    ):
        if twice := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"the {what} {show(twice[0])} is there twice; rename one")
    for command in plugin.commands:
        if other := registry.commands.get(command.usage.name):
            raise ConfigError((f"the command {show(command.usage.name)} is already that of {other.plugin}",))
    registry.plugins[plugin.name] = plugin
    registry.commands |= {command.usage.name: command for command in plugin.commands}
    registry.handlers |= {handler.handler: handler for handler in plugin.handlers}
