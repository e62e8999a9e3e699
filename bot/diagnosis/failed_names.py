"""The names of failed tests as a person would give them: on one line, and each test once."""

from collections.abc import Iterable

MAX_BYTES = 400
MOST_PARTS = 12  # of a name that are told apart
# What stands before the last part of a name, where tools tell a test by its whole name and by its last part.
JOINTS = ("::", ".", " > ", " \u203a ", "#", "/")


def tidy(raw: bytes) -> str:
    """Give a name on one line: some tools write the suite and the test below each other."""
    return b" ".join(raw.split()).rstrip(b":")[:MAX_BYTES].decode(errors="replace")


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Leave out the short form of a name where the long one is there, too.

    pytest heads a failure with `test_open` and ends with `tests/test_store.py::test_open`; Surefire writes
    `open(shop.StoreTest)` and then `StoreTest.open`.
    """
    kept = tuple(dict.fromkeys(names))
    known = {part for name in kept for part in _short_forms(name)}
    return tuple(name for name in kept if name not in known)


def _short_forms(name: str) -> Iterable[str]:
    """List other names that a tool gives the same test."""
    for joint in JOINTS:
        rest = name
        for _ in range(MOST_PARTS):
            head, found, rest = rest.partition(joint)
            if not found or head.endswith(")"):
                break
            yield rest
    head, found, rest = name.partition("::")
    if found:
        yield rest.replace("::", ".")
    method, opened, owner = name.partition("(")
    if opened and owner.endswith(")"):
        short = owner[:-1].rpartition(".")[2]
        yield f"{short}.{method}"
