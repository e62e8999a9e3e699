"""What GitHub is asked in GraphQL of the files of a default branch, and its answers as values; pure.

Texts are fields of one object and cost a point a query, whatever their number; the histories of twenty paths are twenty
lists of twenty commits, a point as well.
"""

from collections.abc import Mapping, Sequence

import msgspec

from bot.adapters.github_pulls import BOT
from bot.adapters.github_wire import Unreadable
from bot.values import Account

COMMITS = 20  # of each path
MAX_TEXT_BYTES = 256 * 1024
MAX_PATH_CHARS = 4096  # no path in a checkout is longer, on Linux
TEXTS = """query($owner: String!, $name: String!%s) {
  repository(owner: $owner, name: $name) { %s }
}
fragment text on GitObject { ... on Blob { isBinary isTruncated byteSize text } }"""
AUTHORS = """query($owner: String!, $name: String!%s) {
  repository(owner: $owner, name: $name) { object(expression: "HEAD") { ... on Commit { %s } } }
}
fragment authors on CommitHistoryConnection { nodes { author { user { login databaseId } } } }"""


class _Text(msgspec.Struct, rename="camel"):
    """A file; a directory or a submodule has none of this."""

    text: str | None = None
    byte_size: int = 0
    is_binary: bool | None = None
    is_truncated: bool = False


class _TextData(msgspec.Struct):
    repository: dict[str, _Text | None]


class _User(msgspec.Struct):
    login: str
    number: int | None = msgspec.field(name="databaseId", default=None)


class _GitActor(msgspec.Struct):
    user: _User | None = None


class _Commit(msgspec.Struct):
    author: _GitActor | None = None


class _History(msgspec.Struct):
    nodes: list[_Commit | None] | None = None


class _Head(msgspec.Struct):
    object: dict[str, _History] | None  # null in a repository without a commit


class _AuthorData(msgspec.Struct):
    repository: _Head


def may_be_asked(path: str) -> bool:
    """Tell whether a path may be that of a file; of those that nobody can type none is looked at."""
    return 0 < len(path) <= MAX_PATH_CHARS and path.isprintable()


def texts_query(count: int) -> str:
    """Ask for so many files; their paths come as what `variables` names."""
    return TEXTS % _for_each(count, "p{0}: object(expression: $p{0}) {{ ...text }}")


def authors_query(count: int) -> str:
    """Ask for the newest commits of so many paths."""
    return AUTHORS % _for_each(count, f"p{{0}}: history(path: $p{{0}}, first: {COMMITS}) {{{{ ...authors }}}}")


def variables(values: Sequence[str]) -> Mapping[str, str]:
    """Name values as the queries do."""
    return {f"p{at}": value for at, value in enumerate(values)}


def read_texts(data: object, paths: Sequence[str]) -> Mapping[str, str | None]:
    """Read files; None for what is not there, no text or too long."""
    try:
        found = msgspec.convert(data, _TextData).repository
        return {path: _text(found[f"p{at}"]) for at, path in enumerate(paths)}
    except (msgspec.ValidationError, KeyError) as error:
        raise Unreadable("no files") from error


def read_authors(data: object, paths: Sequence[str]) -> Mapping[str, Sequence[Account]]:
    """Read who has written the commits of paths; commits that belong to no account are left out."""
    try:
        found = msgspec.convert(data, _AuthorData).repository.object
        return {path: () if found is None else _authors(found[f"p{at}"]) for at, path in enumerate(paths)}
    except (msgspec.ValidationError, KeyError) as error:
        raise Unreadable("no history") from error


def _for_each(count: int, field: str) -> tuple[str, str]:
    declared = "".join(f", $p{at}: String!" for at in range(count))
    return declared, " ".join(field.format(at) for at in range(count))


def _text(raw: _Text | None) -> str | None:
    if raw is None or raw.is_binary or raw.is_truncated or raw.byte_size > MAX_TEXT_BYTES:
        return None
    return raw.text


def _authors(raw: _History) -> tuple[Account, ...]:
    users = [each.author.user for each in raw.nodes or () if each and each.author]
    return tuple(Account(user.number or 0, user.login, user.login.endswith(BOT)) for user in users if user)
