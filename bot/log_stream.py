"""A log on its way from the edge loop to the thread that judges it: never more than a few pieces wait."""

import asyncio
import queue
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from contextlib import suppress
from typing import TypeVar

PIECES = 16  # that wait for the thread, of some 64 KiB each
T = TypeVar("T")


class _Cut(Exception):
    """Nobody wants to know any more what comes of the pieces."""


class _Bridge:
    """Hands pieces from a loop to a thread, which makes room by taking them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._room = asyncio.Semaphore(PIECES)
        self._pieces: queue.SimpleQueue[bytes | _Cut | None] = queue.SimpleQueue()
        self._is_over = False  # the thread takes no more

    async def put(self, piece: bytes) -> bool:
        """Hand a piece over once there is room; False if the thread has ended."""
        await self._room.acquire()
        if not self._is_over:
            self._pieces.put(piece)
        return not self._is_over

    def end(self) -> None:
        """Tell the thread that this was all."""
        self._pieces.put(None)

    def cut(self) -> None:
        """Have the thread end at the next piece, whatever waits."""
        self._pieces.put(_Cut())

    def run(self, work: Callable[[Iterator[bytes]], T]) -> T | None:
        """Work on the pieces, in the thread; None if it was cut off."""
        try:
            return work(self._taken())
        except _Cut:
            return None
        finally:
            self._tell(self._over)

    def _taken(self) -> Iterator[bytes]:
        while (piece := self._pieces.get()) is not None:
            if isinstance(piece, _Cut):
                raise piece
            self._tell(self._room.release)
            yield piece

    def _over(self) -> None:
        self._is_over = True
        self._room.release()  # for a piece that waits

    def _tell(self, what: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop has ended before the thread
            self._loop.call_soon_threadsafe(what)


async def in_thread(pieces: AsyncIterator[bytes], work: Callable[[Iterator[bytes]], T], threads: Executor) -> T:
    """Have a thread work on pieces while they come; on return, for whatever reason, it works no more.

    Errors are those of the pieces and of the work.
    """
    bridge = _Bridge(asyncio.get_running_loop())
    done = asyncio.get_running_loop().run_in_executor(threads, bridge.run, work)
    try:
        async for piece in pieces:
            if not await bridge.put(piece):
                break
        bridge.end()
        result = await asyncio.shield(done)
    finally:
        if not done.done():
            bridge.cut()
            await asyncio.wait([done])
        done.cancelled() or done.exception()  # an error that comes after what has ended the pieces is nobody's
    if result is None:
        raise asyncio.CancelledError
    return result
