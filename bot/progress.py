"""How far something is that takes long, shown on terminals only."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def following(what: str, total: float) -> Iterator[Callable[[float], None]]:
    """Show a bar until it is done, beside what is printed; hand out what tells it of more that was done.

    Arguments:
        what: is counted, "records".
        total: of them; 0 if nobody knows.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda more: None
        return
    from rich.console import Console  # where there is a terminal only: start-up time
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(what), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total or None)
        yield lambda more: progress.advance(task, more)
