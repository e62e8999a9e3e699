"""Logs with what people who read them say of them."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from bot.diagnosis.verdict import Verdict

RETRY = {"true": True, "false": False}


class NoLogs(Exception):
    """There are no labelled logs in a folder."""


@dataclass(frozen=True, slots=True)
class Label:
    """What is known of a log.

    Arguments:
        classes: the class of the failure first, then those that nobody would call wrong.
        retry: None where people would not agree.
        tell: the most telling line, from 1 on, split at LF; None of what passed.
    """

    number: int
    file: Path
    classes: tuple[str, ...]
    retry: bool | None
    tell: int | None

    @property
    def log(self) -> bytes:
        """The log as stored."""
        return self.file.read_bytes()

    def is_named_in(self, reference: str) -> bool:
        """Tell whether a sign says that it was made with this log at hand."""
        _, named, numbers = reference.partition("ci-logs")
        return bool(named) and f"{self.number:03}" in numbers


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict beside its label."""

    label: Label
    verdict: Verdict

    @property
    def is_class_right(self) -> bool:
        return self.verdict.failure_class in self.label.classes

    @property
    def is_within(self) -> bool:
        """Whether the telling line is quoted; so is nothing of what passed."""
        chunk = self.verdict.chunk
        if self.label.tell is None or chunk is None:
            return self.label.tell is None and chunk is None
        return chunk[0] <= self.label.tell <= chunk[1]

    @property
    def is_exact(self) -> bool:
        return self.verdict.line == self.label.tell

    @property
    def is_false_retry(self) -> bool:
        return self.verdict.retry is True and self.label.retry is False

    @property
    def is_doubtful_retry(self) -> bool:
        return self.verdict.retry is True and self.label.retry is None

    @property
    def is_missed_retry(self) -> bool:
        return self.label.retry is True and self.verdict.retry is not True


def read_labels(folder: Path, half: str = "") -> list[Label]:
    """Read the labels of a folder of logs.

    Arguments:
        half: "odd" or "even", for the logs with such numbers only.

    Raises:
        NoLogs: the folder has no index.toml, or a log of it is missing.
    """
    index = folder / "index.toml"
    if not index.is_file():
        raise NoLogs(f"{index} is missing: name a folder of logs that has one, as make eval ARGS=folder")
    labels = [
        Label(
            number=log["id"],
            file=folder / log["file"],
            classes=(log["class"], *log.get("also", ())),
            retry=RETRY.get(log["retry"]),
            tell=log.get("tell"),
        )
        for log in tomllib.loads(index.read_text(encoding="utf-8"))["log"]
    ]
    if missing := [label.file.name for label in labels if not label.file.is_file()]:
        raise NoLogs(f"{folder} has no {', '.join(missing)}")
    return [label for label in labels if not half or ("even", "odd")[label.number % 2] == half]
