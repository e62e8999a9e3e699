"""Errors that say whose turn it is: the asker's, a neighbour's, an operator's or ours.

GordonError
├── UserError            the asker can mend it; the text is the reply
│   ├── AtLimit          as much is under way as may be; later it can be done
│   ├── NotAllowed       the asker may not; says which role is missing
│   │   └── Unchecked    nobody can tell now whether the asker may; so not now
│   └── Unconfirmed      the asker may, but must confirm what exactly would be done
├── Unavailable          a neighbour does not answer: what was asked waits and is tried again
│   ├── Pending          an effect is under way and will end by itself, one way or another
│   └── Unsent           it was not asked at all, as it was not our turn
├── Refused              a neighbour answered no: an operator must look
│   └── Unrecognised     it does not know our token; a changed one may be on its way
├── Unsure               an effect may have happened: nobody may send it again
├── Void                 an effect was given up, with the reason, and did not happen
├── StorageError         the disk does not take what it must: nothing new is accepted
└── ConfigError          the configuration is wrong: file, line, what to do
"""

from dataclasses import dataclass

UNSEEN = "\N{REPLACEMENT CHARACTER}"


class GordonError(Exception):
    """Base of everything this program raises on purpose."""


class UserError(GordonError):
    """What was asked cannot be done, in words for the person who asked."""


class AtLimit(UserError):
    """As many builds are under way as there may be, so that this one has to come later."""


class NoCommand(UserError):
    """What was typed names none of the commands."""


class NotAllowed(UserError):
    """The person who asked may not do this."""


class Unchecked(NotAllowed):
    """Whether the person who asked may do this cannot be checked right now."""


@dataclass(eq=False)
class Unconfirmed(UserError):
    """What was asked waits for its asker to say that they mean it.

    Arguments:
        effect: what would be done, in words that follow "this would".
        digest: all of it that must not have changed when they do.
    """

    effect: str
    digest: str

    def __str__(self) -> str:
        return f"this would {self.effect}"


@dataclass(eq=False)
class Unavailable(GordonError):
    """A neighbour does not answer now; absent, gone or refused it is not.

    Arguments:
        peer: the neighbour's name as people know it, "Jenkins ci".
        doing: what was tried, "starting docker-prs".
    """

    peer: str
    doing: str

    def __str__(self) -> str:
        return f"{self.peer} does not answer ({self.doing})"


class Pending(Unavailable):
    """An effect is not settled yet; it goes on without whoever waits for it."""


class Unsent(Unavailable):
    """What was to be asked of a neighbour never left, so there is nothing to look for."""


@dataclass(eq=False)
class Refused(GordonError):
    """A neighbour understood and said no, so trying again changes nothing."""

    peer: str
    reason: str

    def __str__(self) -> str:
        return f"{self.peer} refused: {self.reason}"


class Unrecognised(Refused):
    """A neighbour does not take our token any more, so it has done nothing; it may take the next one."""


@dataclass(eq=False)
class Unsure(GordonError):
    """An effect may have happened and cannot be found again; a person must look.

    Arguments:
        look_at: the link where a person sees whether it did.
    """

    what: str
    look_at: str

    def __str__(self) -> str:
        return f"{self.what} may have happened, look at {self.look_at}"


class Void(UserError):
    """The effect did not happen and will not: the world moved on while it waited."""


class StorageError(GordonError):
    """The journal cannot be written, so nothing new can be promised."""


@dataclass(eq=False)
class ConfigError(GordonError):
    """One or more mistakes in the configuration, each a line `file:line: what (did you mean …?)`."""

    problems: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.problems)


def visible(text: str) -> str:
    """Put a mark for what cannot be seen, as a terminal may obey it; ends of lines and tabs stay."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in "\n\t" else UNSEEN for char in text)


def shown(text: str) -> str:
    """Cut a word that somebody typed to what an error message bears, with a mark for what cannot be seen."""
    text = "".join(char if char.isprintable() else UNSEEN for char in text)
    return text if len(text) <= 60 else text[:57] + "..."
