"""Who owns which files, as a repository's CODEOWNERS and MAINTAINERS say.

A path that a line of CODEOWNERS is about belongs to whom that line names, be it nobody; any other one to those of the
nearest MAINTAINERS that names somebody for it.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from plugins.triage import code_owners, maintainers

CODEOWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")  # the first that is there counts
MAINTAINERS = "MAINTAINERS"  # in any folder; the nearest one counts
MAX_PLACES = 200  # to read, those of the upper folders first
MAX_PATH_CHARS = 1000
MAX_DEPTH = 50  # folders


@dataclass(frozen=True, slots=True)
class Owners:
    """The owners of paths: logins, or teams as `owner/team`.

    They are read for one answer, and remember each path of that: found out again it would hold up all others.
    """

    _lines: code_owners.CodeOwners = field(default_factory=code_owners.CodeOwners)
    _folders: Mapping[str, maintainers.Folder] = field(default_factory=dict)
    _known: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False, compare=False)

    def of(self, path: str) -> tuple[str, ...]:
        """Tell who owns a path, nearest first; empty for nobody."""
        if path not in self._known:
            self._known[path] = self._find(path)
        return self._known[path]

    def remember(self, paths: Collection[str]) -> None:
        """Find out now who owns some paths, so that telling it later takes no time."""
        for path in paths:
            self.of(path)

    def _find(self, path: str) -> tuple[str, ...]:
        if not _is_sane(path):
            return ()
        if (named := self._lines.of(path)) is not None:
            return named
        for folder in _above(path):
            known = self._folders.get(folder)
            if known and (found := known.of(path.removeprefix(folder))):
                return found
        return ()


def places(paths: Collection[str]) -> list[str]:
    """List the files in which it may stand who owns these paths, at most a few hundred."""
    folders = {folder for path in paths if _is_sane(path) for folder in _above(path)}
    nearest = sorted(folders, key=lambda folder: (folder.count("/"), folder))
    return [*CODEOWNERS, *(f"{folder}{MAINTAINERS}" for folder in nearest)][:MAX_PLACES]


def read(texts: Mapping[str, str]) -> Owners:
    """Read what such files say; whatever is wrong in them is left out."""
    lines = next((texts[path] for path in CODEOWNERS if path in texts), "")
    of_folders = {path.removesuffix(MAINTAINERS): text for path, text in texts.items() if path.endswith(MAINTAINERS)}
    folders = {folder: maintainers.read(text) for folder, text in of_folders.items() if folder[-1:] in ("", "/")}
    return Owners(code_owners.read(lines), folders)


def _is_sane(path: str) -> bool:
    return bool(path) and len(path) <= MAX_PATH_CHARS and path.count("/") <= MAX_DEPTH and path.isprintable()


def _above(path: str) -> Iterator[str]:
    """List the folders that a path is in, each with its slash, the nearest first; the root is empty."""
    folder = path.rpartition("/")[0]
    while folder:
        yield f"{folder}/"
        folder = folder.rpartition("/")[0]
    yield ""
