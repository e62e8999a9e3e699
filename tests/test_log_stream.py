"""A log on its way into a thread: bounded, without waiting in vain, and over when nobody wants it any more."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bot.log_stream import PIECES, in_thread


async def test_pieces_wait_for_the_thread_and_not_in_memory() -> None:
    """(F26)"""
    go_on, given = threading.Event(), 0

    async def pieces() -> Any:
        nonlocal given
        for _ in range(10 * PIECES):
            given += 1
            yield b"x"

    def work(chunks: Any) -> int:
        go_on.wait()
        return sum(len(chunk) for chunk in chunks)

    with ThreadPoolExecutor(1) as threads:
        task = asyncio.create_task(in_thread(pieces(), work, threads))
        for _ in range(50):
            await asyncio.sleep(0)
        assert given == PIECES + 1
        go_on.set()
        assert await task == 10 * PIECES


async def test_who_is_cancelled_leaves_no_thread_at_work() -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    ended: list[bool] = []

    async def pieces() -> Any:
        yield b"x"
        await asyncio.Event().wait()

    def work(chunks: Any) -> int:
        try:
            for _ in chunks:
                loop.call_soon_threadsafe(begun.set)
        finally:
            ended.append(True)
        return 0

    with ThreadPoolExecutor(1) as threads:
        task = asyncio.create_task(in_thread(pieces(), work, threads))
        await begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert ended == [True]
        assert task.cancelled()


@pytest.mark.parametrize("size", [1, 100])
async def test_a_mistake_in_the_thread_is_told_and_holds_up_nothing(size: int) -> None:
    async def pieces() -> Any:
        for _ in range(size):
            yield b"x"

    def work(chunks: Any) -> int:
        next(chunks)
        raise ZeroDivisionError

    with ThreadPoolExecutor(1) as threads, pytest.raises(ZeroDivisionError):
        await in_thread(pieces(), work, threads)
