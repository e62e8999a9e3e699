"""What jenkins-job-builder 6.5 asks of `pkg_resources`, which setuptools has no longer since its release 82."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any


@dataclass(frozen=True)
class EntryPoint:
    """A name for something in a module; without attributes, the module itself."""

    name: str
    module_name: str
    attrs: tuple[str, ...] = ()
    dist: object = None

    def load(self) -> Any:
        """Import what it names."""
        found: Any = import_module(self.module_name)
        for attribute in self.attrs:
            found = getattr(found, attribute)
        return found


def iter_entry_points(group: str, name: str | None = None) -> Iterator[EntryPoint]:
    """List the entry points of a group, or those of one name in it."""
    for each in entry_points(group=group):
        if name in (None, each.name):
            yield EntryPoint(each.name, each.module, tuple(filter(None, each.attr.split("."))))
