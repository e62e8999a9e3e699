"""Senders of webhooks in a process of their own, on a processor of their own.

python -m tests.bench.hook_senders URL SENDERS EACH BEGIN [PROCESSOR]

The secret is read from the standard input. Two lines of JSON are printed: that all is made, once it is; and when a line
was read then and everything was sent, how it was answered: [[head, status, ms], ...] and the seconds.
"""

import asyncio
import gc
import json
import os
import sys
import time

from tests.rigs.hook_deliveries import deliveries, send

PULLS_EACH = 4  # that one sender tells of, so that nobody overtakes anybody


def main(url: str, senders: int, each: int, begin: int) -> None:
    """Make all, wait, send all."""
    secret = sys.stdin.readline().strip()
    queues = []
    for sender in range(senders):
        pulls = range(1 + sender * PULLS_EACH, 1 + (sender + 1) * PULLS_EACH)
        queues.append(list(deliveries(secret, pulls, each // PULLS_EACH, begin)))
    gc.collect()
    gc.freeze()
    print(json.dumps("made"), flush=True)
    sys.stdin.readline()
    begun_s = time.perf_counter()
    answered = asyncio.run(send(url, queues))
    took_s = time.perf_counter() - begun_s
    found = [(one.delivery.head, one.status, one.took_ms) for one in answered]
    print(json.dumps({"answered": found, "took_s": took_s}), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 5:
        os.sched_setaffinity(0, {int(sys.argv[5])})
    main(sys.argv[1], *(int(number) for number in sys.argv[2:5]))
