"""Named places where the process can be made to die, so that tests can kill it at each of them.

`GORDON_CRASH_AT=name:n` kills this process with SIGKILL the n-th time it passes the point `name`.
A test lists every call with a side effect and fails if one stands outside `crash_points`.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

JENKINS = ("jenkins.trigger", "jenkins.cancel", "jenkins.stop", "jenkins.node")
FORGE = ("forge.status", "forge.comment", "forge.labels")
EFFECTS = (*JENKINS, *FORGE, "chat.send")
JOURNAL = ("journal.accept", "journal.finish", "journal.wait", "effect.record", "effect.settle", "outbox.begin")
BUILDS = ("builds.join", "rows.move")
POINTS = tuple(f"{name}.{side}" for name in EFFECTS + JOURNAL + BUILDS for side in ("before", "after"))

_name, _, _count = os.environ.get("GORDON_CRASH_AT", "").partition(":")
_left = int(_count or "1")


def crash_point(name: str) -> None:
    """Die here if the environment says so."""
    global _left
    if name == _name:
        _left -= 1
        if _left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def crash_points(name: str) -> Iterator[None]:
    """Mark a call with a side effect: a point before it and one after it has answered."""
    crash_point(f"{name}.before")
    yield
    crash_point(f"{name}.after")
