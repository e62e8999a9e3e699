"""What people see who look at the bot's nick on IRC: by AWAY, how much it has to do."""

from collections.abc import Callable

from bot.adapters import irc_wire as wire
from bot.clock import Clock

SHOW_EVERY_S = 60.0
MAX_BYTES = 160  # servers cut what AWAY says, some at 200


class Presence:
    """Words that are shown on change, and at most once a minute; the rest of a change is shown with a later tick.

    Arguments:
        ask: hands a line to the output, in its turn.
        is_wanted: otherwise nothing is shown.
    """

    def __init__(self, clock: Clock, ask: Callable[[str], None], *, is_wanted: bool) -> None:
        self.is_wanted = is_wanted
        self._clock = clock
        self._ask = ask
        self._words = self._shown = ""
        self._shown_s = float("-inf")

    def say(self, words: str) -> None:
        """Have these words shown from now on; empty for none."""
        pieces = wire.split(wire.sanitise(words).strip(), MAX_BYTES)
        self._words = pieces[0] if pieces else ""

    def connected(self) -> None:
        """Begin on a new connection, where nothing is shown."""
        self._shown = ""

    def tick(self) -> None:
        """Show what is to be shown, if it is another one and it is time."""
        words = self._words if self.is_wanted else ""
        now_s = self._clock.monotonic_s()
        if words != self._shown and now_s - self._shown_s >= SHOW_EVERY_S:
            self._shown, self._shown_s = words, now_s
            self._ask(f"AWAY :{words}" if words else "AWAY")
