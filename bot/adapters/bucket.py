"""How fast something may be said: some at once, and then at a rate."""

from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """A token bucket: `burst` messages at once, then one every `every_s`; 0 of either is no limit."""

    burst: int
    every_s: float
    _full_at_s: float = float("-inf")

    def take(self, now_s: float) -> float:
        """Take a token and return 0, or return how many seconds to wait before asking again."""
        if self.burst <= 0 or self.every_s <= 0:
            return 0.0
        full_at_s = max(self._full_at_s, now_s)
        wait_s = full_at_s - (self.burst - 1) * self.every_s - now_s
        if wait_s > 0:
            return wait_s
        self._full_at_s = full_at_s + self.every_s
        return 0.0

    def spend(self, now_s: float) -> None:
        """Count a message that could not wait: those after it wait so much longer."""
        self._full_at_s = max(self._full_at_s, now_s) + self.every_s
