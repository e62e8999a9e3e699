"""One way to look for signatures in a log, in a process of its own.

python -m tests.bench.scanners WAY COUNT LOG [--catalogue FILE] [--watched]

It prints one line of JSON: how long it took to make ready and to read and scan (in seconds of the processor, as others
may use the machine), what was found, the most memory that it held above what it had at its start, and if asked how long
another thread had to wait.
"""

import argparse
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from tests.bench.catalogues import patterns

CHUNK_BYTES = 64 << 10
WATCH_S = 0.001
IMPORTED = ("bot.diagnosis.judge", "bot.diagnosis.sources", "bot.diagnosis.hyperscan_engine")  # before time is taken
Scan = Callable[[Path], int]  # gives how many of the signatures were found


def memory_kb(field: str) -> int:
    """Tell what the kernel says of this process: `VmRSS` is what it holds, `VmHWM` the most that it held."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0])


AT_START_KB = memory_kb("VmRSS")


def ours(_count: int, catalogue: Path) -> Scan:
    """Read, clean and scan as `gordon diagnose` does, with line numbers and the lines around."""
    from bot.diagnosis.catalogue import load_catalogue
    from bot.diagnosis.reading import Extent, pages
    from bot.diagnosis.scan import scan
    from bot.diagnosis.sources import chunks_of

    loaded = load_catalogue([catalogue], shipped=False)

    def run(log: Path) -> int:
        found = scan(pages(chunks_of(log, Extent())), loaded)
        return len({hit.position for hit in found.hits})

    return run


def ours_shipped(_count: int, _catalogue: Path) -> Scan:
    """Do the same with all that is shipped, and come to a verdict: what a user meets."""
    from bot.diagnosis.catalogue import load_catalogue
    from bot.diagnosis.judge import diagnose
    from bot.diagnosis.reading import Extent
    from bot.diagnosis.sources import chunks_of

    loaded = load_catalogue()

    def run(log: Path) -> int:
        extent = Extent()
        verdict = diagnose(chunks_of(log, extent), loaded, extent=extent)
        return verdict.line or 0

    return run


def compiling(count: int, catalogue: Path) -> Scan:
    """Compile by Hyperscan what a catalogue looks for; of no signatures all that is shipped."""
    from bot.diagnosis.catalogue import engine_for, load_catalogue
    from bot.diagnosis.expressions import Expression, for_engine

    signs = (load_catalogue([catalogue], shipped=False) if count else load_catalogue()).signs
    engine_for([Expression(for_engine(sign.regex, sign.scope), sign.ignores_case) for sign in signs])
    return lambda _log: len(signs)


def hyperscan_stream(count: int, _catalogue: Path) -> Scan:
    """The bare engine over chunks as they come."""
    import hyperscan

    database = _compiled(count, hyperscan.HS_MODE_STREAM)

    def run(log: Path) -> int:
        found: set[int] = set()
        note = _noting(found)  # the stream does not keep it alive
        with database.stream(match_event_handler=note) as stream:
            for chunk in _chunks(log):
                stream.scan(chunk)
        return len(found)

    return run


def hyperscan_block(count: int, _catalogue: Path) -> Scan:
    """The bare engine over chunks that end where lines do."""
    import hyperscan

    database = _compiled(count, hyperscan.HS_MODE_BLOCK)

    def run(log: Path) -> int:
        found: set[int] = set()
        note = _noting(found)
        for chunk in _whole_lines(log):
            database.scan(chunk, match_event_handler=note)
        return len(found)

    return run


def re2_set(count: int, _catalogue: Path) -> Scan:
    """RE2's Set over chunks that end where lines do."""
    import re2

    options = re2.Options()
    options.encoding, options.max_mem = re2.Options.Encoding.LATIN1, 256 << 20
    together = re2.Set.SearchSet(options)
    for pattern in patterns(count):
        together.Add((("(?i)" if pattern.ignores_case else "") + pattern.regex).encode())
    together.Compile()

    def run(log: Path) -> int:
        found: set[int] = set()
        for chunk in _whole_lines(log):
            found.update(together.Match(chunk) or ())
        return len(found)

    return run


def python_re(count: int, _catalogue: Path) -> Scan:
    """Python's `re`, each line by each expression."""
    searches = [
        re.compile(pattern.regex.encode(), re.IGNORECASE if pattern.ignores_case else 0).search
        for pattern in patterns(count)
        if not pattern.names_line_breaks
    ]

    def run(log: Path) -> int:
        found: set[int] = set()
        with log.open("rb") as file:
            for line in file:
                found.update(number for number, search in enumerate(searches) if search(line))
        return len(found)

    return run


def reading(_count: int, _catalogue: Path) -> Scan:
    """Read and count line ends: nothing that looks at each byte can be faster."""

    def run(log: Path) -> int:
        lines, buffer = 0, bytearray(CHUNK_BYTES)
        with log.open("rb", buffering=0) as file:
            while size := file.readinto(buffer):
                lines += buffer.count(b"\n", 0, size)
        return lines

    return run


WAYS: dict[str, Callable[[int, Path], Scan]] = {
    way.__name__: way
    for way in (ours, ours_shipped, compiling, hyperscan_stream, hyperscan_block, re2_set, python_re, reading)
}


def _compiled(count: int, mode: int) -> "hyperscan.Database":  # type: ignore[name-defined] # noqa: F821
    import hyperscan

    wanted = patterns(count)
    database = hyperscan.Database(mode=mode)
    database.compile(
        expressions=[pattern.regex.encode() for pattern in wanted],
        ids=list(range(count)),
        elements=count,
        flags=[
            hyperscan.HS_FLAG_SINGLEMATCH | (hyperscan.HS_FLAG_CASELESS if pattern.ignores_case else 0)
            for pattern in wanted
        ],
    )
    return database


def _noting(found: set[int]) -> Callable[[int, int, int, int, object], None]:
    return lambda position, _start, _end, _flags, _context: found.add(position)


def _chunks(log: Path) -> Iterator[bytes]:
    with log.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _whole_lines(log: Path) -> Iterator[bytes]:
    rest = b""
    for chunk in _chunks(log):
        end = chunk.rfind(b"\n") + 1
        yield rest + chunk[:end]
        rest = chunk[end:]
    if rest:
        yield rest


class Watch:
    """A thread that wants to work every millisecond."""

    def __init__(self) -> None:
        self._is_over = threading.Event()
        self._longest_s = 0.0
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> float:
        """Tell how many milliseconds it had to wait at most beyond that one."""
        self._is_over.set()
        self._thread.join()
        return (self._longest_s - WATCH_S) * 1000

    def _look(self) -> None:
        last_s = time.monotonic()
        while not self._is_over.is_set():
            time.sleep(WATCH_S)
            now_s = time.monotonic()
            self._longest_s, last_s = max(self._longest_s, now_s - last_s), now_s


def main() -> None:
    """Measure one way once."""
    parser = argparse.ArgumentParser()
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("count", type=int)
    parser.add_argument("log", type=Path)
    parser.add_argument("--catalogue", type=Path, default=Path())
    parser.add_argument("--watched", action="store_true", help="look at how long another thread has to wait")
    given = parser.parse_args()
    if given.way in ("ours", "ours_shipped", "compiling"):
        for module in IMPORTED:
            import_module(module)
    begun_s = time.process_time()
    scan = WAYS[given.way](given.count, given.catalogue)
    watch = Watch() if given.watched else None
    ready_s = time.process_time()
    found = scan(given.log)
    ended_s = time.process_time()
    told = {
        "stall_ms": watch.end() if watch else 0.0,
        "ready_s": ready_s - begun_s,
        "scan_s": ended_s - ready_s,
        "found": found,
        "peak_mb": (memory_kb("VmHWM") - AT_START_KB) / 1024,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
