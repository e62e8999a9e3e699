"""MAINTAINERS in Docker's two forms.

The older one is a file in any folder, a line for each of its maintainers, `Victor Vieux <vieux@docker.com> (@vieux)`; a
line that begins with `Dockerfile: ` is about that file alone. What is behind `#` does not count, so whoever is on
holiday is no maintainer. The later one is a TOML file with groups of people (moby/moby), of which the core maintainers
own what is in its folder; its other groups name no paths.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from plugins.triage.code_owners import unique

MAX_BYTES = 100_000  # the largest of Docker's has 60,000
MAX_LINE_CHARS = 1000  # a TOML key of thousands of parts takes the library minutes
LINE = re.compile(r"(?:(?P<what>[^\s:<>()]+):\s)?[^#()]*\(@(?P<login>[A-Za-z0-9_][A-Za-z0-9_-]{0,99})\)")
CORE = ("core maintainers", "core-maintainers", "maintainers")


@dataclass(frozen=True, slots=True)
class Folder:
    """Who maintains a folder: some of its files alone, by their paths in it, and the rest."""

    rest: tuple[str, ...] = ()
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, path: str) -> tuple[str, ...]:
        """Tell who maintains a path in it, those of the file alone first."""
        return unique((*self.files.get(path, ()), *self.rest))


def read(text: str) -> Folder:
    """Read such a file; what is wrong in it is left out."""
    lines = text.split("\n")  # as TOML has them, which no other character ends
    if len(text.encode(errors="replace")) > MAX_BYTES or any(len(line) > MAX_LINE_CHARS for line in lines):
        return Folder()
    try:
        told: Mapping[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError):  # no TOML, or such as nobody writes by mistake
        return _listed(lines)
    return Folder(_core(told))


def _listed(lines: Sequence[str]) -> Folder:
    rest: list[str] = []
    files: dict[str, list[str]] = {}
    for line in lines:
        found = LINE.match(line.strip())
        if found and found["what"]:
            files.setdefault(found["what"].strip("/"), []).append(found["login"])
        elif found:
            rest.append(found["login"])
    return Folder(unique(rest), {what: unique(logins) for what, logins in files.items()})


def _core(told: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the core maintainers by their logins, which `people` tells by their keys."""
    people = _table(told, "people")
    groups = [group for name, group in _table(told, "Org").items() if name.casefold() in CORE]
    keys = [key for group in groups for key in _list(group, "people") if isinstance(key, str)]
    logins = [_login(people.get(key)) or key for key in keys]
    return unique(login for login in logins if login.replace("-", "").replace("_", "").isalnum())


def _login(person: Any) -> str:
    """Find somebody's login; "Github" stands in real files, too."""
    known = person.items() if isinstance(person, dict) else ()
    return next((value for key, value in known if key.casefold() == "github" and isinstance(value, str)), "")


def _table(told: Any, key: str) -> Mapping[str, Any]:
    found = told.get(key) if isinstance(told, dict) else None
    return found if isinstance(found, dict) else {}


def _list(told: Any, key: str) -> list[Any]:
    found = told.get(key) if isinstance(told, dict) else None
    return found if isinstance(found, list) else []
