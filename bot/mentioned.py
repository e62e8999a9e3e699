"""Which builds and pull requests a text mentions, by their addresses or by the names that commands use; pure.

An address counts only on a server of the configuration, and nothing is ever read from it but names and numbers.
"""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import SplitResult, unquote, urlsplit

from bot.chat import Mentioned
from bot.commands import Names
from bot.errors import UserError
from bot.settings import GordonSettings
from bot.values import MAX_BUILD_NUMBER_DIGITS, BuildRef, JobRef, PullRef
from bot.wording import typed

MAX_CHARS = 40_000  # as many as a message of any network has
MAX_MENTIONED = 20
PORTS = {"http": 80, "https": 443}
_WORD = re.compile(
    r"(?P<url>https?://[^\s<>\"'|`\\^{}]+)|(?<![\w/#.&-])(?P<name>[\w.-]+(?:/[\w.-]+)*#[0-9]{1,10})(?![\w#])", re.ASCII
)
_BUILD = re.compile(
    r"(?:view/[^/]+/)*(?P<job>job/[^/]+(?:/job/[^/]+)*)"
    r"(?:/[^/=]*=[^/]*)?"  # a cell of a matrix, which has the number of its build
    rf"/(?P<number>[1-9][0-9]{{0,{MAX_BUILD_NUMBER_DIGITS - 1}}})(?:/|$)",
    re.ASCII,
)
_PULL = re.compile(r"(?P<repo>[^/]+/[^/]+)/pull/(?P<number>[1-9][0-9]{0,8})(?:/|$)", re.ASCII)


def mentioned(text: str, settings: GordonSettings, names: Names) -> Sequence[Mentioned]:
    """List what a text mentions, each once and in its order."""
    found: dict[Mentioned, None] = {}
    for word in _WORD.finditer(text[:MAX_CHARS]):
        if one := _at(word["url"], settings, names) if word["url"] else _named(word["name"], names):
            found[one] = None
        if len(found) == MAX_MENTIONED:
            break
    return list(found)


def _named(word: str, names: Names) -> Mentioned | None:
    try:
        found, context = names.read("pull|build", word)
    except UserError:
        return None
    is_pull = isinstance(found, PullRef)
    return None if context else Mentioned(str(found) if is_pull else typed(word), is_pull)


def _at(url: str, settings: GordonSettings, names: Names) -> Mentioned | None:
    """Find what is at an address; what is behind it is of no matter."""
    try:
        parts = urlsplit(url.rstrip(".,;:!?)]*_~"))
        _ = parts.port
    except ValueError:  # a host or a port that cannot be one
        return None
    for server, jenkins in settings.jenkins.items():
        if (path := _below(parts, jenkins.url)) is not None and (build := _BUILD.match(path)):
            return _build(server, build, names)
    for page in _pages(settings):
        if (path := _below(parts, page)) is not None and (pull := _PULL.match(path)):
            repo = names.repos.get(pull["repo"].lower())
            return Mentioned(str(PullRef(repo, int(pull["number"]))), is_pull=True) if repo else None
    return None


def _build(server: str, found: re.Match[str], names: Names) -> Mentioned | None:
    folders = [unquote(part) for part in found["job"].removeprefix("job/").split("/job/")]
    if any("/" in folder for folder in folders):
        return None
    ref = BuildRef(JobRef(server, "/".join(folders)), int(found["number"]))
    for name in _names_of(ref.job, names):
        try:
            if names.build(word := f"{name}#{ref.number}") == ref:
                return Mentioned(typed(word), is_pull=False)
        except UserError:  # a name that cannot be typed
            continue
    return None


def _names_of(job: JobRef, names: Names) -> Iterator[str]:
    """List what commands call a job, the shortest first."""
    yield from sorted((name for name, known in names.jobs.items() if known == job), key=len)
    project, _, branch = job.full_name.rpartition("/")
    of_project = (name for name, known in names.projects.items() if known == JobRef(job.server, project))
    yield from (f"{name}/{branch}" for name in sorted(of_project, key=len))


def _pages(settings: GordonSettings) -> Sequence[str]:
    """Tell below which addresses people look at pull requests."""
    if settings.github is None:
        return ()
    parts = urlsplit(settings.github.url)
    if (parts.hostname or "").startswith("api."):
        host = (parts.hostname or "").removeprefix("api.")
        return f"https://{host}/", f"https://www.{host}/"
    return (settings.github.url.rstrip("/").removesuffix("/api/v3"),)


def _below(parts: SplitResult, root: str) -> str | None:
    """Take the path of an address that is below another one."""
    of_root = urlsplit(root)
    if parts.username is not None or parts.password is not None or _host(parts) != _host(of_root):
        return None
    path, above = parts.path.lstrip("/"), of_root.path.strip("/")
    if not above:
        return path
    return path.removeprefix(f"{above}/") if path.startswith(f"{above}/") else None


def _host(parts: SplitResult) -> tuple[str, str, int | None]:
    return parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme)
