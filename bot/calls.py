"""Calls to neighbours: each is timed, told to whoever counts, and a span where somebody traces."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.errors import Refused, Unrecognised, UserError
from bot.tracing import span

ANSWERED, UNANSWERED, LIMITED, REFUSED, UNRECOGNISED = "answered", "unanswered", "limited", "refused", "unrecognised"
OUTCOMES = (ANSWERED, UNANSWERED, LIMITED, REFUSED, UNRECOGNISED)


class Call:
    """One call; what came of it is known at its end."""

    outcome = ANSWERED

    def end(self, status: int) -> None:
        """Take what came of it from the status of the answer in HTTP."""
        self.outcome = outcome_of(status)


class Calls:
    """Times calls.

    Attributes:
        on_ended: told the neighbour, what came of a call and its seconds.
        on_limit: told the neighbour that has said it is asked too much.
    """

    def __init__(self) -> None:
        self.on_ended: Callable[[str, str, float], None] = lambda neighbour, outcome, seconds: None
        self.on_limit: Callable[[str], None] = lambda neighbour: None

    @contextmanager
    def to(self, neighbour: str) -> Iterator[Call]:
        """Time a call that is made within; an error that leaves it, or being cancelled, says what came of it.

        Arguments:
            neighbour: as people know it, "Jenkins ci".
        """
        call, began_s = Call(), time.monotonic()
        try:
            with span("call", neighbour=neighbour):
                yield call
        except UserError:
            raise
        except BaseException as error:
            if call.outcome == ANSWERED:
                call.outcome = _outcome_of(error)
            raise
        finally:
            self.on_ended(neighbour, call.outcome, time.monotonic() - began_s)


def outcome_of(status: int) -> str:
    """Tell what an answer in HTTP comes to."""
    if status == 401:
        return UNRECOGNISED
    if status == 429:
        return LIMITED
    if status == 403:
        return REFUSED
    return UNANSWERED if status >= 500 else ANSWERED


def _outcome_of(error: BaseException) -> str:
    if isinstance(error, Unrecognised):
        return UNRECOGNISED
    return REFUSED if isinstance(error, Refused) else UNANSWERED
