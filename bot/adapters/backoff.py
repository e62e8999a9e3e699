"""How long to wait before asking again whoever did not answer."""

from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Pauses that double from `first_s` to `most_s`, each moved by up to a quarter so that crowds spread out."""

    first_s: float = 1.0
    most_s: float = 60.0
    _next_s: float = 0.0

    def pause_s(self, chance: float) -> float:
        """Give the next pause; `chance` from 0 to 1 says where in its range it lies."""
        middle_s = self._next_s or self.first_s
        self._next_s = min(middle_s * 2, self.most_s)
        return min(max(middle_s * (0.75 + chance / 2), self.first_s), self.most_s)

    def reset(self) -> None:
        """Start again with the shortest pause."""
        self._next_s = 0.0
