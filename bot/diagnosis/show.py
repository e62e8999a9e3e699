"""What is said of a log: lines for people, in colour on a terminal, or one JSON object."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from bot.diagnosis.verdict import FailureClass, Kind, Verdict

MAX_TESTS = 10  # named to people; the JSON has all
RETRY = {True: "try again", False: "do not try again", None: "another try may help or not"}
HEADLINE = {
    Kind.PASSED: "passed",
    Kind.KNOWN_INFRA: "known infrastructure failure",
    Kind.FLAKY_TEST: "flaky test",
    Kind.NEW_FAILURE: "failure",
    Kind.COMPILE_ERROR: "compile error",
    Kind.ABORTED: "aborted",
    Kind.AGENT_LOST: "agent lost",
    Kind.TIMEOUT: "time-out",
    Kind.UNKNOWN: "nobody knows why",
}
GOOD, BAD, KNOWN, TELLING, WHERE, QUIET, PLAIN = "bold green", "bold red", "bold yellow", "bold", "bold", "dim", ""
Span = tuple[str, str]  # a style of rich's, and text


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a log, cleaned.

    Arguments:
        error: why it could not be read; there is no verdict then.
    """

    file: str
    verdict: Verdict | None = None
    error: str = ""


class JsonLine(msgspec.Struct, frozen=True, kw_only=True, rename={"failure_class": "class"}):
    """The object of `--json`."""

    file: str
    kind: Kind
    failure_class: FailureClass
    cause: str
    retry: bool | None
    why: str
    confidence: float
    line: int | None
    chunk: tuple[int, int] | None
    text: str
    quoted: tuple[str, ...]
    failed_tests: tuple[str, ...]
    fingerprint: str
    result: str
    lines: int
    partial: bool
    error: str | None = None


def as_json(told: Told) -> bytes:
    """Write what came of a log as one line of JSON; of one that could not be read all is unknown but `error`."""
    verdict = told.verdict or Verdict(Kind.UNKNOWN, FailureClass.UNKNOWN)
    return msgspec.json.encode(
        JsonLine(
            file=told.file,
            kind=verdict.kind,
            failure_class=verdict.failure_class,
            cause=verdict.cause,
            retry=verdict.retry,
            why=verdict.why,
            confidence=round(verdict.confidence, 2),
            line=verdict.line,
            chunk=verdict.chunk,
            text=verdict.text,
            quoted=verdict.quoted,
            failed_tests=verdict.failed_tests,
            fingerprint=verdict.fingerprint,
            result=verdict.result,
            lines=verdict.lines,
            partial=bool(verdict.why_partial),
            error=told.error or None,
        )
    )


def rows(told: Told, *, context: int | None = None) -> Iterator[list[Span]]:
    """Write what came of a log as lines for people, without line ends.

    The first begins in the first column and has the name of the log and what happened; the telling line begins with
    `>`, all others with a blank.

    Arguments:
        context: how many quoted lines there are at most on each side of the telling one; None for all.
    """
    verdict = told.verdict
    if verdict is None:
        yield [(BAD, f"{told.file}: "), (PLAIN, told.error)]
        return
    yield _headline(told.file, verdict)
    if verdict.why:
        yield [(PLAIN, f"  {verdict.why}")]
    if verdict.quoted:
        yield from _quotation(verdict, context)
    if verdict.failed_tests:
        yield from _tests(verdict.failed_tests)
    yield [(QUIET, f"  {', '.join(_facts(verdict))}")]


def _headline(file: str, verdict: Verdict) -> list[Span]:
    passed = verdict.kind is Kind.PASSED
    colour = GOOD if passed else KNOWN if verdict.retry else BAD
    where = f"{file}:{verdict.line}: " if verdict.line is not None else f"{file}: "
    spans = [(WHERE, where), (colour, HEADLINE[verdict.kind])]
    if verdict.failure_class not in {FailureClass.SUCCESS, FailureClass.UNKNOWN} | _SAID.get(verdict.kind, set()):
        spans.append((PLAIN, f" ({verdict.failure_class})"))
    if not passed:
        spans.append((PLAIN, f", {RETRY[verdict.retry]}"))
    return spans


_SAID = {  # by the headline already
    Kind.ABORTED: {FailureClass.ABORTED},
    Kind.AGENT_LOST: {FailureClass.AGENT_LOST},
    Kind.TIMEOUT: {FailureClass.TIMEOUT},
    Kind.COMPILE_ERROR: {FailureClass.COMPILE_ERROR},
    Kind.FLAKY_TEST: {FailureClass.TEST_FLAKE},
}


def _quotation(verdict: Verdict, context: int | None) -> Iterator[list[Span]]:
    first = verdict.chunk[0] if verdict.chunk is not None else 1
    telling = verdict.line if verdict.line is not None else -1
    width = len(str(first + len(verdict.quoted) - 1))
    for number, line in enumerate(verdict.quoted, first):
        if context is not None and abs(number - telling) > context:
            continue
        if number == telling:
            yield [(BAD, f"> {number:{width}}  "), (TELLING, line)]
        else:
            yield [(QUIET, f"  {number:{width}}  "), (PLAIN, line)]


def _tests(names: tuple[str, ...]) -> Iterator[list[Span]]:
    one = len(names) == 1
    yield [(PLAIN, "  1 failed test:" if one else f"  {len(names)} failed tests:")]
    for name in names[:MAX_TESTS]:
        yield [(PLAIN, f"    {name}")]
    if len(names) > MAX_TESTS:
        yield [(QUIET, f"    and {len(names) - MAX_TESTS} more")]


def _facts(verdict: Verdict) -> Iterator[str]:
    if verdict.cause:
        yield f"cause {verdict.cause}"
    if verdict.kind is not Kind.PASSED:
        yield f"confidence {verdict.confidence:.2f}"
    yield f"result {verdict.result}" if verdict.result else "no result"
    yield "1 line" if verdict.lines == 1 else f"{verdict.lines:,} lines"
    if verdict.why_partial:
        yield f"partial: {verdict.why_partial}"
    if verdict.fingerprint:
        yield f"fingerprint {verdict.fingerprint}"


def plain(row: list[Span]) -> str:
    """Write a line without colours."""
    return "".join(text for _, text in row).rstrip()


def coloured(row: list[Span]) -> Any:
    """Write a line in colours, as rich takes it."""
    from rich.text import Text  # only where there is a terminal: start-up time

    return Text.assemble(*((text, style) for style, text in row))
