"""Calls to neighbours: each is timed, told to whoever counts, and a span where somebody traces."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from bot.errors import Refused, Unrecognised
from bot.tracing import span

ANSWERED, UNANSWERED, LIMITED, REFUSED, UNRECOGNISED = "answered", "unanswered", "limited", "refused", "unrecognised"
OUTCOMES = (ANSWERED, UNANSWERED, LIMITED, REFUSED, UNRECOGNISED)


class Calls:
    """Has calls told of.

    Attributes:
        on_ended: told the neighbour, what came of a call (`OUTCOMES`) and its seconds.
        on_limit: told the neighbour that has said it is asked too much.
    """

    def __init__(self) -> None:
        self.on_ended: Callable[[str, str, float], None] = lambda neighbour, outcome, seconds: None
        self.on_limit: Callable[[str], None] = lambda neighbour: None

    def to(self, neighbour: str) -> "Call":
        """Time a call that is made within.

        Arguments:
            neighbour: as people know it, "Jenkins ci".
        """
        return Call(self, neighbour)


class Call:
    """One call; an error that leaves it, or being cancelled, says what came of it, unless that is known by then."""

    def __init__(self, calls: Calls, neighbour: str) -> None:
        self._calls = calls
        self._neighbour = neighbour
        self._span = span("call", neighbour=neighbour)
        self.outcome = ""

    def end(self, status: int) -> None:
        """Take what came of it from the status of an answer in HTTP."""
        self.outcome = outcome_of(status)

    def __enter__(self) -> Self:
        self._began_s = time.monotonic()
        self._span.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._span.__exit__(kind, error, trace)
        outcome = self.outcome or (ANSWERED if kind is None else _outcome_of(kind))
        self._calls.on_ended(self._neighbour, outcome, time.monotonic() - self._began_s)


def outcome_of(status: int) -> str:
    """Tell what an answer in HTTP comes to."""
    known = {401: UNRECOGNISED, 403: REFUSED, 429: LIMITED}
    return known.get(status, UNANSWERED if status >= 500 else ANSWERED)


def _outcome_of(error: type[BaseException]) -> str:
    if issubclass(error, Unrecognised):
        return UNRECOGNISED
    return REFUSED if issubclass(error, Refused) else UNANSWERED
