"""What is wrong with an answer of GitHub's GraphQL, and what in it may be; pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from bot.adapters.github_wire import MAX_WORDS, decoded, one_line

T = TypeVar("T")
FORBIDDEN = "FORBIDDEN"
# What may be hidden of one pull request: a fork in an organisation that keeps our token out by SAML or by its address,
# a team where an App may not see members. It is null then, as for a fork that is gone.
SPARED = frozenset({"headRepository", "requestedReviewer"})


@dataclass(frozen=True, slots=True)
class GraphProblem:
    """Why there is no answer, in GitHub's words.

    Arguments:
        of_pull: it is about one pull request that was asked for by its number.
    """

    kind: str
    words: str
    of_pull: bool = False

    @property
    def is_limit(self) -> bool:
        return self.kind in ("RATE_LIMITED", "RATE_LIMIT") or "rate limit" in self.words.lower()

    @property
    def is_missing(self) -> bool:
        return self.kind == "NOT_FOUND" and not self.of_pull

    @property
    def lacks_pull(self) -> bool:
        return self.kind == "NOT_FOUND" and self.of_pull

    @property
    def is_refusal(self) -> bool:
        return self.kind == FORBIDDEN

    @property
    def is_slow(self) -> bool:
        return self.kind == "RESOURCE_LIMITS_EXCEEDED" or "timeout" in self.words.lower()

    @property
    def lacks_scope(self) -> bool:
        return self.kind == "INSUFFICIENT_SCOPES"


class _Error(msgspec.Struct):
    message: str = ""
    type: str = ""
    path: list[str | int] | None = None

    @property
    def is_borne(self) -> bool:
        return self.type == FORBIDDEN and not SPARED.isdisjoint(self.path or ())


class _Answer(msgspec.Struct):
    data: Any = None
    errors: list[_Error] = []


def read_graph(text: str, read: Callable[[Any], T]) -> T | GraphProblem:
    """Read an answer; an error is a problem, as a pull request that is left out would seem closed, but for `SPARED`."""
    answer = decoded(text, _Answer)
    for error in answer.errors:
        if not error.is_borne:
            return GraphProblem(error.type, one_line(error.message, MAX_WORDS), "pullRequest" in (error.path or ()))
    return read(answer.data)
