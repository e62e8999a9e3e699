"""The test report of a build in a Jenkins stand-in: what its cases came to."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Case:
    """A test case that ran.

    Arguments:
        suite: the file or class that it was reported with.
        details: the message of a failure.
        stage: of a Pipeline, the stage in which it ran.
    """

    class_name: str
    name: str
    outcome: Literal["passed", "failed", "skipped"] = "passed"
    details: str = ""
    trace: str = ""
    stdout: str = ""
    duration_s: float = 0.1
    suite: str = "unit"
    stage: str = ""
