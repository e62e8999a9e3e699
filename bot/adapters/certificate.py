"""For how long the certificate of a server is valid."""

import asyncio
import ssl
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

HTTPS_PORT = 443


async def certificate_left(url: str, ca_file: Path | None, within_s: float) -> timedelta | None:
    """Tell how long the certificate behind an address is valid still; None where there is none, or nobody tells.

    Arguments:
        ca_file: the authorities that it is checked against; None for those of the system.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("https", "ircs") or not parts.hostname:
        return None
    context = await asyncio.to_thread(ssl.create_default_context, cafile=ca_file)
    try:
        async with asyncio.timeout(within_s):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or HTTPS_PORT, ssl=context)
    except (OSError, TimeoutError):
        return None  # as behind a proxy; what is wrong with it shows where it is used
    certificate = writer.get_extra_info("peercert")
    writer.transport.abort()
    return timedelta(seconds=ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) if certificate else None
