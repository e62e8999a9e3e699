"""What people and Gordon say to each other, and what Gordon needs of a network where they do; `adapters/` gives it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from bot.errors import UserError
from bot.values import Place, Speaker


@dataclass(frozen=True, slots=True)
class Blank:
    """Something to fill in of a form: one word of a command.

    Arguments:
        name: what the form knows it by.
        before: what stands before the value in the command, "PLATFORM=".
        choices: the only values; empty: any text.
        is_rest: the rest of the command, as it stands; other values are one word each, in quotation marks if need be.
    """

    name: str
    label: str
    before: str = ""
    hint: str = ""
    initial: str = ""
    choices: tuple[str, ...] = ()
    is_needed: bool = False
    is_rest: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """A command with blanks to fill in, where the network can ask; what cannot ask is told the command's usage.

    Arguments:
        command: the words that come first, "build base-image".
        asks_more: the filled form gives a command with a form of its own, which is asked next.
    """

    title: str
    command: str
    blanks: tuple[Blank, ...] = ()
    asks_more: bool = False

    def filled(self, values: Mapping[str, str]) -> str:
        """Write the command that the filled form gives; what was left empty is left out.

        Raises:
            UserError: a value cannot be said in a command; it names the blank.
        """
        words = [self.command]
        for blank in self.blanks:
            value = values.get(blank.name, "").strip()
            if not value:
                continue
            if '"' in value and not blank.is_rest:
                raise UserError(f'{blank.label}: a quotation mark (") cannot be said in a command')
            is_plain = blank.is_rest or not any(char.isspace() for char in value)
            words.append(blank.before + (value if is_plain else f'"{value}"'))
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class Button:
    """Something to press on a card: a label and the command that pressing it gives.

    Arguments:
        form: what is asked first, where the network can; the filled form is then the command.
        is_own: it is about whoever presses it alone: each may, as often as they like, and is answered alone.
    """

    label: str
    command: str
    form: Form | None = None
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers over time: pairs of wall-clock seconds and a value, oldest first."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """Numbers to be drawn where a picture says more than words; who cannot see it reads the card's lines.

    Arguments:
        unit: of the values, "builds an hour"; of shares from 0 to 1 it is "%".
    """

    title: str
    unit: str
    series: tuple[Series, ...]


class Tone(StrEnum):
    """What sort of news a card has."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Card:
    """A reply with structure: one line on IRC, blocks where the network has them.

    Arguments:
        title: what it says when there is room for nothing else.
        lines: more, a line each; where only one line fits they follow the title, joined by "; ".
        fields: short facts by name.
        tone: whether it is good or bad news, for networks that may show that by a colour.
        slot: what it is the state of, "push moby/moby master 3f2c1ab"; where the network can, it takes the place of the
            former card of this slot, within three days.
        is_step: only a step on the way: where the network cannot edit, it is not said.
        brief: all of it, the address too, in words chosen for where only one line fits; empty: the rest, joined.
        is_nothing: there is nothing to list; who asked is told so, and a notice at a set time is left out.
        follows: it tells more of what its slot shows: where there are threads it is said in that of the message which
            shows the slot, and changes nothing about that message; elsewhere it is said by itself. Without a slot it
            tells more of what was asked where it is said.
        quote: lines of a log, quoted as they stand where there is room for them, as a file if they are many; in one
            line they follow the others.
        picture: numbers that are drawn where the network can show that.
    """

    title: str
    lines: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    buttons: tuple[Button, ...] = ()
    url: str = ""
    tone: Tone = Tone.PLAIN
    slot: str = ""
    is_step: bool = False
    brief: str = ""
    is_nothing: bool = False
    follows: bool = False
    quote: str = ""
    picture: Picture | None = None

    def one_line(self) -> str:
        """Say all of it in one line."""
        if self.brief:
            return self.brief
        facts = [f"{name}: {value}" for name, value in self.fields.items()]
        told = [self.title, *self.lines, *self.quote.splitlines(), *facts]
        return "; ".join(told) + (f" {self.url}" if self.url else "")


Words = str | Card


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message that was sent, to edit it later where the network can."""

    place: Place
    id: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """A line that was addressed to the bot, before anybody knows whether it is a command.

    Arguments:
        key: its identity on its network: the network's message id, else connection and arrival number.
        text: the line without the prefix that addressed the bot.
        written_at: when it was written, by the clock of the forge, for what comes from there.
        is_for_us: somebody addressed the bot; other lines are heard only where a plugin listens, and are no commands.
        awaits_disk: the network delivers it again unless it is told that it arrived, so that handing it on ends only
            when its command is on disk, or was refused.
    """

    key: str
    text: str
    speaker: Speaker
    place: Place
    written_at: datetime | None = None
    is_for_us: bool = True
    awaits_disk: bool = False


Hear = Callable[[Heard], Awaitable[None]]
Instead = Callable[[int], Words]
Report = Callable[[str, str], None]  # what it is about, and what is wrong; "" when it is well again


class Chat(Protocol):
    """A network that people talk on.

    Arguments:
        report: what to call with troubles that operators should know of; the program sets it before `run`.
    """

    network: str
    report: Report

    async def run(self, hear: Hear) -> None:
        """Connect, hand on what is heard, reconnect by itself; end only when cancelled, or at a console's end."""

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        """Say words at a place, split and paced as the network wants; answers go before announcements.

        Arguments:
            instead: asked for other words when these had to wait for their turn, with the bytes that fit in one line.

        Raises:
            Unavailable: not connected now; of a message of several lines the first may be out.
            Refused: there is no such place, and waiting changes nothing.
        """

    async def arrived(self, ref: MessageRef) -> None:
        """Wait until the network has shown that it took what was said.

        Raises:
            Unavailable: the connection went before; nobody knows whether the words were heard.
            Refused: the network did not take them, and waiting changes nothing.
        """

    def connected(self) -> bool:
        """Tell whether `send` may work now."""

    def show_load(self, words: str) -> None:
        """Show what Gordon is busy with where people look at its name, if the network can; empty for nothing."""


@runtime_checkable
class Overhears(Protocol):
    """A network that also hands on lines that are addressed to nobody, from the places where somebody listens.

    Arguments:
        listens: tells where, whenever such a line comes; set by the program.
    """

    listens: Callable[[Place], bool]


@runtime_checkable
class Editable(Protocol):
    """A network where what was said can be made to say something else."""

    async def edit(self, ref: MessageRef, words: Words) -> MessageRef:
        """Have a message that was sent say something else.

        Raises:
            Unavailable: not connected now.
            Refused: it is gone, or too old.
        """


@runtime_checkable
class Threaded(Protocol):
    """A network where what is said may stand under a message."""

    def under(self, ref: MessageRef) -> Place:
        """Tell the place of the thread under a message that was sent."""


@dataclass(frozen=True, slots=True)
class Mentioned:
    """A build or a pull request that somebody's text mentions.

    Arguments:
        word: what commands call it, "base-image#12".
    """

    word: str
    is_pull: bool


@runtime_checkable
class Grouped(Protocol):
    """A network whose people may be in groups.

    Arguments:
        on_groups_changed: what to call when one may have other members; set by the program.
    """

    on_groups_changed: Callable[[], None]

    async def members(self, group: str) -> frozenset[str]:
        """Tell the accounts of a group's members.

        Arguments:
            group: its handle, as "@maintainers", or its id.

        Raises:
            Unavailable: not now.
            Refused: there is no such group, or we may not see it.
        """


class Inside(Protocol):
    """What a network with buttons, forms and pages of its own asks of Gordon besides handing lines on."""

    async def take(self, heard: Heard) -> str | None:
        """Take in a command that was pressed, filled in or typed where refusals are shown apart.

        Returns:
            The words that refuse it, to be shown to whoever gave it alone; None if it was accepted, now or before:
            what changes something is on disk then, and its answer will be said at its place.

        Raises:
            StorageError: the disk does not take it; nothing was started.
        """

    async def refused(self, key: str) -> bool:
        """Wait until a command that `take` has accepted had its turn, and tell whether it was refused then after all.

        What the turn of an earlier process came to nobody knows; that counts as done.
        """

    async def answer(self, heard: Heard) -> Words | None:
        """Give the answer of a command that only reads, to be shown elsewhere than at its place.

        Raises:
            UserError: it is no such command, or not for this speaker; in words for them.
        """

    async def form(self, heard: Heard) -> Form:
        """Give the form of a command that has one: of "build base-image", or of "build", which asks for the job.

        Raises:
            UserError: it is no such command, or not for this speaker.
            Unavailable: who knows what it takes does not answer.
        """

    async def builds(self, speaker: Speaker) -> Words:
        """List the builds under way that somebody has asked for."""

    def reads(self, text: str) -> bool:
        """Tell whether a command changes nothing, so that it may be given again and again."""

    def mentioned(self, text: str) -> Sequence[Mentioned]:
        """List the builds and pull requests of ours that a text mentions, by address or by name, in its order."""


@runtime_checkable
class Interactive(Protocol):
    """A network with buttons and forms."""

    def meet(self, inside: Inside) -> None:
        """Learn what to ask of Gordon besides handing lines on; called once, before `run`."""
