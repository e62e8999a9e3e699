"""What is sent back with an acknowledgement of something that Slack delivered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ack:
    """A delivery that Slack need not make again.

    Arguments:
        body: what Slack does with it: shows words, marks blanks of a form; None for nothing.
    """

    body: Mapping[str, Any] | None = None
