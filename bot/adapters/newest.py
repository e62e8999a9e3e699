"""What is remembered as long as there is room, such as what may be delivered again."""

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Newest(dict[K, V]):
    """A dictionary that forgets what was set first once it has too many.

    Arguments:
        most: how many it keeps.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: K, value: V) -> None:
        self.pop(key, None)  # what is set again is new
        super().__setitem__(key, value)
        if len(self) > self._most:
            del self[next(iter(self))]
