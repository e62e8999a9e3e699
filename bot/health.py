"""What the program tells of itself to whoever watches over it: numbers and states, no person and no secret."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Fact = str | int | float | bool | None | Mapping[str, int] | Mapping[str, Mapping[str, int]]


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

    def parts(self) -> Sequence[Part]:
        """Tell how all else is, without waiting for anything."""
