"""What is wrong with one network now, so that it is told once: when it begins, changes or ends."""

import logging

log = logging.getLogger(__name__)


class OpenTroubles(dict[str, str]):
    """By what they are about, in words."""

    def __init__(self, network: str) -> None:
        super().__init__()
        self._network = network

    def note(self, about: str, words: str) -> bool:
        """Take a report, or "" when it is well again; tell whether that is new."""
        if self.get(about, "") == words:
            return False
        log.warning("%s: %s: %s", self._network, about, words or "well again")
        if words:
            self[about] = words
        else:
            del self[about]
        return True
