"""What the program tells of itself to whoever watches over it: numbers and states, no person and no secret."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Fact = str | int | float | bool | None | Mapping[str, int] | Mapping[str, Mapping[str, int]]

NOTIFICATIONS, LAST_S_AGO = "notifications", "last_s_ago"  # a part and its fact, which `gordon doctor` reads


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the program, and how it is.

    Arguments:
        is_well: it does what it is for.
        is_vital: if it is not well, nothing is.
    """

    name: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    is_well: bool = True
    is_vital: bool = False


class Health(Protocol):
    """How the program is."""

    async def read_disk(self) -> object:
        """Read something of the database.

        Raises:
            StorageError: that cannot be.
        """

    async def write_disk(self) -> object:
        """Write something into the database that changes nothing.

        Raises:
            StorageError: that cannot be.
        """

    def why_not_ready(self) -> Sequence[str]:
        """List why not all is under way, without waiting for anything; empty if it is."""

    async def metrics(self, accept: str, *, is_ready: bool) -> tuple[bytes, str]:
        """Tell what is counted, and how everything stands, for Prometheus; the bytes, and their type.

        Arguments:
            accept: the types that the reader prefers.
            is_ready: what is told of that.
        """

    def parts(self) -> Sequence[Part]:
        """Tell how all else is, without waiting for anything."""
