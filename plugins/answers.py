"""Answer lines that hold certain words by what the configuration says to them."""

import re
from collections.abc import Iterator
from functools import lru_cache

from bot.plugin import Answer, Pattern, Plugin, Settings, UserError
from bot.values import Place

MOST_ANSWERS = 100
MOST_SAY_CHARS = 400  # a line of IRC, with the name of whoever asked
FEWEST_WORD_CHARS = 3  # shorter ones stand in lines about something else
LEAST_AGAIN_S, MOST_AGAIN_S = 10.0, 86400.0 * 7


class CannedAnswer(Settings, frozen=True):
    """`[plugin.answers.answer.NAME]`."""

    say: str  # one line
    words: tuple[str, ...] = ()  # any of these in a line, in any case
    pattern: str = ""  # or this: a regular expression (RE2), looked for in any case
    channels: tuple[str, ...] = ()  # where it is said unasked; asked for it is said everywhere
    again_s: float = 600.0  # not again in the same channel to what was merely overheard

    def __post_init__(self) -> None:
        if not self.say.strip() or not self.say.isprintable() or len(self.say) > MOST_SAY_CHARS:
            raise ValueError(f"say must be one line of 1 to {MOST_SAY_CHARS} characters, is {self.say[:40]!r}")
        if not self.words and not self.pattern:
            raise ValueError("words or pattern must be there, or nothing is ever answered")
        for words in self.words:
            if len("".join(words.split())) < FEWEST_WORD_CHARS:
                raise ValueError(f"words must have at least {FEWEST_WORD_CHARS} characters each, has {words!r}")
        if not LEAST_AGAIN_S <= self.again_s <= MOST_AGAIN_S:
            raise ValueError(f"again_s must be {LEAST_AGAIN_S:g} to {MOST_AGAIN_S:g}, is {self.again_s:g}")
        try:
            if self.pattern and Pattern(self.pattern).search(""):
                raise ValueError(f"pattern must not be found in an empty line, as {self.pattern!r} is: it is in each")
        except UserError as error:
            raise ValueError(f"pattern: {error}") from error

    def is_said_to(self, text: str) -> bool:
        """Tell whether a line has what this answers."""
        if any(one.search(text) for one in _finders(self.words)):
            return True
        return bool(self.pattern) and _pattern(self.pattern).search(text)

    def is_said_in(self, place: Place) -> bool:
        """Tell whether it is said in a channel where nobody has asked."""
        return not place.private and str(place).casefold() in (one.casefold() for one in self.channels)


class AnswersSettings(Settings, frozen=True):
    """`[plugin.answers]`: nothing is listened to and nothing is answered unless it stands here."""

    answer: dict[str, CannedAnswer] = {}  # noqa: RUF012  each Settings gets its own

    def __post_init__(self) -> None:
        if len(self.answer) > MOST_ANSWERS:
            raise ValueError(f"there may be {MOST_ANSWERS} answers, there are {len(self.answer)}")
        for name, other in self._triggers():
            words = f"the words of {other} stand in it, and two programs with these answers would talk for ever"
            raise ValueError(f"answer.{name}: say must be other words: {words}")

    def listens(self, place: Place) -> bool:
        """Tell whether something is answered unasked at a place."""
        return any(one.is_said_in(place) for one in self.answer.values())

    def answer_to(self, text: str, place: Place, *, is_asked: bool) -> Answer | None:
        """Find the first answer to a line."""
        for name, one in self.answer.items():
            if (is_asked or one.is_said_in(place)) and one.is_said_to(text):
                return Answer(name, one.say, one.again_s)
        return None

    def _triggers(self) -> Iterator[tuple[str, str]]:
        """Name the answers that themselves would be answered, and by which."""
        for name, one in self.answer.items():
            yield from ((name, other) for other, its in self.answer.items() if its.is_said_to(one.say))


@lru_cache(MOST_ANSWERS)
def _finders(words: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Make what finds words as such, not within longer ones, with any blanks between them."""
    spelt = (r"\s+".join(map(re.escape, one.split())) for one in words)
    return tuple(re.compile(rf"(?<!\w){one}(?!\w)", re.IGNORECASE) for one in spelt)


@lru_cache(MOST_ANSWERS)
def _pattern(text: str) -> Pattern:
    return Pattern(text)


plugin = Plugin("answers", AnswersSettings)
