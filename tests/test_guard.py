"""The guard in `conftest.py` holds, whichever way a connection is made."""

import asyncio
import http.client
import socket
from collections.abc import Awaitable, Callable

import pytest

from tests.conftest import BeyondLoopback, is_here

FAR = "192.0.2.1"  # an address for documentation, RFC 5737


async def by_socket() -> None:
    with socket.socket() as one:
        one.connect((FAR, 9))


async def by_code() -> None:
    with socket.socket() as one:
        one.connect_ex((FAR, 9))


async def by_datagram() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        one.sendto(b"?", (FAR, 9))


async def by_stream() -> None:
    await asyncio.open_connection(FAR, 9)


async def by_loop() -> None:
    with socket.socket() as one:
        one.setblocking(False)
        await asyncio.get_running_loop().sock_connect(one, (FAR, 9))


async def by_http() -> None:
    await asyncio.to_thread(http.client.HTTPConnection(FAR, 9, timeout=1).request, "GET", "/")


async def by_name() -> None:
    await asyncio.open_connection("gordon.example", 9)


@pytest.mark.parametrize("reach", [by_socket, by_code, by_datagram, by_stream, by_loop, by_http, by_name])
async def test_nothing_beyond_loopback_is_reached(
    reach: Callable[[], Awaitable[None]], beyond_loopback: list[str]
) -> None:
    with pytest.raises(BeyondLoopback):
        await reach()
    assert beyond_loopback  # this is what fails a test that swallows the error
    beyond_loopback.clear()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.8.9.10"])
async def test_loopback_is_reached(host: str) -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), host.replace("localhost", "127.0.0.1"))
    async with server:
        port = server.sockets[0].getsockname()[1]
        with socket.create_connection((host, port), timeout=5):
            pass
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("address", "here"),
    [
        pytest.param("/run/some.sock", True, id="unix"),
        pytest.param(b"\0abstract", True, id="unix-abstract"),
        pytest.param(("::1", 1, 0, 0), True, id="ipv6-loopback"),
        pytest.param((b"127.0.0.1", 1), True, id="bytes"),
        pytest.param(("10.0.0.1", 1), False, id="private"),
        pytest.param(("2001:db8::1", 1, 0, 0), False, id="ipv6"),
        pytest.param(("127.0.0.1.example", 1), False, id="only-looks-so"),
        pytest.param(("0.0.0.0", 1), False, id="everywhere"),
        pytest.param(("", 1), False, id="empty"),
    ],
)
def test_what_counts_as_this_machine(address: object, here: bool) -> None:
    assert is_here(address) is here
