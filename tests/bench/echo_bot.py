"""The floor: a bot of a few lines on the same IRC library, which answers `!echo X` with X.

python -m tests.bench.echo_bot PORT CHANNEL
"""

import asyncio
import sys
from typing import Any

import irc.client_aio


async def main(port: int, channel: str) -> None:
    """Answer for ever."""
    reactor = irc.client_aio.AioReactor(loop=asyncio.get_running_loop())

    def join(connection: Any, _event: Any) -> None:
        connection.join(channel)

    def answer(connection: Any, event: Any) -> None:
        if event.arguments[0].startswith("!echo "):
            connection.privmsg(event.target, event.arguments[0][6:])

    reactor.add_global_handler("welcome", join)
    reactor.add_global_handler("pubmsg", answer)
    await reactor.server().connect("127.0.0.1", port, "gordon")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
