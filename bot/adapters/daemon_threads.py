"""Threads for libraries that block, which keep no program from its end."""

from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


class DaemonThreads:
    """A few threads that do what they are asked, in the order of asking; they begin with the first of it.

    They are daemons, as the end of a program waits for the threads of an executor, however long their server is silent.
    """

    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._count = count
        self._asked: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        self._threads: list[Thread] = []

    def submit(self, act: Callable[[], T]) -> Future[T]:
        """Have something done in a thread."""
        if not self._threads:
            self._threads = [Thread(target=self._work, name=self._name, daemon=True) for _ in range(self._count)]
            for thread in self._threads:
                thread.start()
        future: Future[T] = Future()
        context = copy_context()  # that of whoever asks, so that what is logged in the thread tells for which event
        self._asked.put((partial(context.run, act), future))
        return future

    def close(self) -> None:
        """Let the threads end with what was asked before; what is asked later begins others."""
        for _ in self._threads:
            self._asked.put(None)
        self._threads = []

    def _work(self) -> None:
        """Do what is asked for until it is over; what nobody waits for any more is not done."""
        while (asked := self._asked.get()) is not None:
            act, future = asked
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(act())
                except Exception as error:  # whoever waits for it judges what became of it
                    future.set_exception(error)
