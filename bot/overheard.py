"""What is said to lines that are no commands: the answers that plugins have for them, seldom enough to be welcome.

What somebody asks Gordon for is answered each time, within the pace of commands. What is merely overheard is answered
once in a while and to nobody by name, so that two programs which overhear each other fall silent.
"""

from bot.bridges import is_repeated
from bot.chat import Heard
from bot.clock import Clock
from bot.live import Live
from bot.plugin import Answer
from bot.strikes import Strikes
from bot.values import Place

MOST_CHARS = 1000  # of a line that are looked at
AT_ONCE, MORE_EVERY_S = 3, 30.0  # answers at a place that nobody asked for


class Overheard:
    """Asks the settings of plugins, on the edge loop; what was said when is kept by the clock that never jumps.

    Arguments:
        live: the plugins' settings of now; a plugin that is switched off says nothing.
    """

    def __init__(self, live: Live, strikes: Strikes, clock: Clock) -> None:
        self._live = live
        self._strikes = strikes
        self._clock = clock
        self._said_s: dict[tuple[str, str, str, str], float] = {}
        self._left: dict[tuple[str, str], tuple[float, float]] = {}

    def listens(self, place: Place) -> bool:
        """Tell whether anybody wants lines at a place that are not addressed to Gordon, of whoever is in its `to`."""
        now = self._live.now
        return any(one.listens(place) for one in now.answering.values()) and not is_repeated(now.settings, place)

    def asked(self, heard: Heard) -> str:
        """Answer a line that is addressed to Gordon and no command; empty if nobody knows an answer."""
        plugin, answer = self._found(heard)
        if answer is None:
            return ""
        self._note(plugin, answer, heard.place)
        return answer.words

    def overheard(self, heard: Heard) -> str:
        """Answer a line that is addressed to nobody here; empty for most of them."""
        if heard.place.private or not self.listens(heard.place):
            return ""
        plugin, answer = self._found(heard)
        if answer is None:
            return ""
        said_s = self._said_s.get((plugin, answer.name, *_where(heard.place)))
        if said_s is not None and self._clock.monotonic_s() - said_s < answer.again_s:
            return ""
        if not self._has_room(heard.place):
            return ""
        self._note(plugin, answer, heard.place)
        return answer.words

    def _found(self, heard: Heard) -> tuple[str, Answer | None]:
        for plugin, settings in self._live.now.answering.items():
            if self._strikes.why_off(plugin):
                continue
            answer = settings.answer_to(heard.text[:MOST_CHARS], heard.place, is_asked=heard.is_for_us)
            if answer is not None:
                return plugin, answer
        return "", None

    def _note(self, plugin: str, answer: Answer, place: Place) -> None:
        if not place.private:  # as many as there are channels, while anybody may talk in private
            self._said_s[plugin, answer.name, *_where(place)] = self._clock.monotonic_s()

    def _has_room(self, place: Place) -> bool:
        """Take one from the answers that a place may get, if there is one."""
        now_s = self._clock.monotonic_s()
        left, since_s = self._left.get(_where(place), (float(AT_ONCE), now_s))
        left = min(float(AT_ONCE), left + (now_s - since_s) / MORE_EVERY_S)
        self._left[_where(place)] = left - 1 if left >= 1 else left, now_s
        return left >= 1


def _where(place: Place) -> tuple[str, str]:
    return place.network, place.channel.casefold()
