"""What one looks for in a log: signatures of known failures, and shapes that tools give their errors.

Both stand in TOML files, as tables `[[signature]]` and `[[shape]]`, and all are looked for in one pass. Expressions are
those of RE2 that Hyperscan takes too, on bytes: no look-around, no back-references, nothing but ASCII in brackets.
"""

from datetime import date
from enum import StrEnum
from typing import Literal

import msgspec

from bot.diagnosis.verdict import FailureClass

TELL, TEST = "tell", "test"  # groups of an expression: the telling line where it has several, the name of a failed test


class Scope(StrEnum):
    """How far an expression goes."""

    LINE = "line"  # never across a line break
    LINES = "lines"  # as written: it names its line breaks
    WRAPPED = "wrapped"  # each blank of it may be a line break, as wherever a terminal or an editor wrapped the text


class Role(StrEnum):
    """What a line of a shape is to the failure."""

    CAUSE = "cause"  # it says what failed
    SUMMARY = "summary"  # it says that something failed, as a count or a banner; what failed stands elsewhere
    CONSEQUENCE = "consequence"  # it fails because something before did: make's Error 1, a mailer after the build
    TOLERATED = "tolerated"  # it looks like an error and is none: a warning, a retry of the tool itself, `0 errors`
    POST = "post"  # from here on there are only steps after the build proper: mailers, archiving, post actions
    ENDING = "ending"  # the CI's own last word; a group `result` holds it


class Sign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What signatures and shapes have in common.

    Arguments:
        id: lower case words with hyphens; once among all signatures, and once among all shapes: the shape of what a
            signature knows may be named like it.
        example: text that it must be found in: a line, or several.
        counter: texts that it must not be found in.
        reference: where it was seen or is documented.
    """

    id: str
    regex: str
    failure_class: FailureClass = msgspec.field(name="class", default=FailureClass.UNKNOWN)
    ignores_case: bool = False
    example: str
    counter: tuple[str, ...] = ()
    reference: str = ""
    note: str = ""


class Signature(Sign, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag="signature"):
    """A known failure.

    Arguments:
        retry: whether another try is sensible: "true", "false" (tried before all others: it only looks like a flake) or
            "unknown".
        owner: who cares for it.
        expires: from this day on it is told as expired and not used.
    """

    scope: Scope = Scope.WRAPPED
    retry: Literal["true", "false", "unknown"]
    owner: str = ""
    expires: date | None = None


class Shape(Sign, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag="shape"):
    """A line, or some, by which a tool tells of a failure.

    Arguments:
        tool: what writes it.
        weight: from 0 to 100, how surely a maintainer would quote it where nothing else speaks for or against it.
            About: 90 names exactly what failed (a compiler's error with its file, a failed test with its name), 70
            an error of a tool with its reason, 50 an error line without, 30 a banner, 10 a word like `error`.
            Of a tolerated one: above 0 if it says that the tool gets over what stands beside it, as a retry does.
        before: how many lines above the telling one belong to it.
        after: how many lines below do.
        start: expression of the line, at most 40 above, with which the quotation begins, in place of `before`.
        stop: expression of the line, at most 25 below, with which it ends, in place of `after`.
        only_with_start: without such a line above it is no match, as a line `KeyError: x` without its traceback.
    """

    scope: Scope = Scope.LINE
    tool: str
    role: Role = Role.CAUSE
    weight: int
    before: int = 0
    after: int = 0
    start: str = ""
    stop: str = ""
    only_with_start: bool = False


class CatalogueFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a catalogue."""

    signature: tuple[Signature, ...] = ()
    shape: tuple[Shape, ...] = ()
