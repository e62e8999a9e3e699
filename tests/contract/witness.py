"""What each client that nobody here wrote is asked, in words that all of them have."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SeenNode:
    """What a client tells about a node."""

    offline: bool
    marked: bool
    reason: str


class Witness(ABC):
    """One client, signed in."""

    @abstractmethod
    def start(self, job: str, parameters: Mapping[str, str]) -> int:
        """Trigger a build and tell the number of its queue item."""

    @abstractmethod
    def became(self, job: str, queue_id: int) -> int | None:
        """Tell the number of the build that a queue item became."""

    @abstractmethod
    def waiting(self) -> Sequence[int]:
        """List the queue."""

    @abstractmethod
    def cancel(self, queue_id: int) -> None:
        """Take an item out of the queue."""

    @abstractmethod
    def result(self, job: str, number: int) -> str | None:
        """Tell the result of a build, None while it builds."""

    @abstractmethod
    def console(self, job: str, number: int) -> str:
        """Read the log."""

    @abstractmethod
    def stop(self, job: str, number: int) -> None:
        """Interrupt a build."""

    @abstractmethod
    def node(self, name: str) -> SeenNode:
        """Look at a node."""

    @abstractmethod
    def node_names(self) -> Sequence[str]:
        """List the nodes."""

    @abstractmethod
    def disable(self, name: str, reason: str) -> None:
        """Mark a node offline."""

    @abstractmethod
    def enable(self, name: str) -> None:
        """Take the mark away."""

    @abstractmethod
    def create(self, job: str, xml: str) -> None:
        """Create a job from its XML."""

    @abstractmethod
    def config(self, job: str) -> str:
        """Read the XML of a job."""

    @abstractmethod
    def delete(self, job: str) -> None:
        """Delete a job."""

    @abstractmethod
    def has_job(self, job: str) -> bool:
        """Tell whether there is such a job."""


def number_of(executable: Mapping[str, Any] | None) -> int | None:
    return executable["number"] if executable else None


def seen(node: Mapping[str, Any]) -> SeenNode:
    return SeenNode(node["offline"], node["temporarilyOffline"], node["offlineCauseReason"])
