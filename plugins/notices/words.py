"""How notices are worded, and what of them is left out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.plugin import Card, When, Words
from bot.wording import cut, plain
from plugins.notices.notice import Notice

LATE = timedelta(minutes=10)  # what is told later than that after its time says so
MAX_BYTES = 1000  # of one message where it is lines of text: three of them on IRC
MAX_LINE = 500  # bytes of one answer among several
LEAST = 150  # bytes, below which an answer tells nothing
MAX_ANSWERS = MAX_BYTES // LEAST
BETWEEN = " | "
QUIET_OVER = "came due in quiet hours"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one command of a notice.

    Arguments:
        words: what it answered; None if it did not.
        why: why it did not.
        is_lost: whoever wanted it may not give it any more.
    """

    command: str
    words: Words | None = None
    why: str = ""
    is_lost: bool = False

    @property
    def is_nothing(self) -> bool:
        """Tell whether there is nothing to list."""
        return not self.why and (self.words is None or (isinstance(self.words, Card) and self.words.is_nothing))


@dataclass(frozen=True, slots=True)
class Told:
    """A notice with its answers, as it is to be told at one place.

    Arguments:
        mark: that it is late, and why; may be empty.
    """

    notice: Notice
    answers: Sequence[Answer]
    mark: str = ""

    @property
    def head(self) -> str:
        """What stands before what it tells."""
        return f"{self.notice.label} ({self.mark})" if self.mark else self.notice.label


def worth_telling(notice: Notice, answers: Sequence[Answer], why_before: str) -> list[Answer]:
    """Choose what of a notice is told: what there is to list, and what went wrong unless that was told before."""
    whys = [one.why for one in answers if one.why]
    is_known = reason(answers) == why_before
    some = [one for one in answers if not one.is_nothing and not (one.why and is_known)]
    return list(answers) if notice.always and not some and not whys else some


def reason(answers: Sequence[Answer]) -> str:
    """Say why a notice, or some of it, was not told; empty if all was."""
    whys = [f"{one.command}: {one.why}" for one in answers if one.why]
    if whys:
        return "; ".join(whys)
    return "nothing to list" if all(one.is_nothing for one in answers) else ""


def message(told: Sequence[Told]) -> Words | None:
    """Make one message of some notices; None of nothing."""
    told = [one for one in told if one.answers]
    if not told:
        return None
    if len(told) == 1:
        [one] = told
        return single(one) if len(one.answers) == 1 else digest(one.head, [(answer, "") for answer in one.answers])
    return digest(QUIET_OVER, [(answer, one.head) for one in told for answer in one.answers])


def single(told: Told) -> Words:
    """Tell one answer: as it is, but for what stands before it, and its length where there is one line only."""
    [answer] = told.answers
    text = shortened(f"{told.head}: {line_of(answer, is_alone=True)}", answer, MAX_BYTES)
    if isinstance(answer.words, Card):
        title = f"{told.head}: {answer.words.title}"
        return replace(answer.words, title=title, brief=text, slot="", is_step=False)
    return text


def digest(head: str, answers: Sequence[tuple[Answer, str]]) -> Card:
    """Tell several answers on one card, each with what is to stand before it; of too many the last ones are named."""
    shown, more = answers[:MAX_ANSWERS], answers[MAX_ANSWERS:]
    names = ", ".join(dict.fromkeys(one.command for one, _ in more))
    rest = [f"and {len(more)} more: {cut(plain(names), LEAST)}"] if more else []
    room = (MAX_BYTES - sum(map(len, rest))) // len(shown)
    lines = [(f"{before}: " if before else "") + line_of(one) for one, before in shown]
    short = [shortened(line, one, room) for line, (one, _) in zip(lines, shown, strict=True)]
    full = [shortened(line, one, MAX_LINE) for line, (one, _) in zip(lines, shown, strict=True)]
    return Card(head, (*full, *rest), brief=f"{head}: {BETWEEN.join([*short, *rest])}")


def line_of(answer: Answer, *, is_alone: bool = False) -> str:
    """Say an answer in one line."""
    if answer.why:
        return answer.why if is_alone else f"{answer.command}: {answer.why}"
    text = answer.words.one_line() if isinstance(answer.words, Card) else answer.words or "nothing"
    return BETWEEN.join(line for raw in text.splitlines() if (line := raw.strip()))


def shortened(text: str, answer: Answer, at_most: int) -> str:
    """Cut a line to so many bytes, and say how to get the rest."""
    if len(text.encode()) <= at_most:
        return text
    rest = f" (say {cut(plain(answer.command), LEAST // 2)} for all of it)"
    return cut(text, max(LEAST // 2, at_most - len(rest.encode()))) + rest


def late(when: When, planned: datetime, at: datetime, missed: int) -> str:
    """Say that a notice is late, as nobody was there to tell it; empty if it is not."""
    if at - planned < LATE:
        return f"I was away, and missed {missed} before" if missed else ""
    before = f", and missed {missed} before" if missed else ""
    return f"due at {when.spoken(planned, at)}, I was away{before}"


def coming(when: When, next_at: datetime | None, now: datetime) -> str:
    """Say when a notice comes next."""
    return f"next {when.spoken(next_at, now)}" if next_at is not None else "never again"
