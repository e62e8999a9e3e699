"""A Jenkins whose logs are of any size and in nobody's memory, and a Gordon beside it that is given much at once.

async with busy(folder, 500) as site:
    await site.reads_a_log()
"""

import asyncio
import contextlib
import io
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import aiohttp
import msgspec
from aiohttp import web

from bot.demo.jenkins.model import Plan
from bot.demo.world import HOOK_SECRET, PLUGINS, REPO, World
from tests.bench.logs import SEED, noise
from tests.hook_bodies import pull_body, signed
from tests.rigs import free_port
from tests.world.crash_rig import Maintainer

PIECE = 1 << 20
HOOK_BYTES = 25 << 20
BAD = Path(__file__).parents[1] / "world" / "bad_plugins"
CRAFTED = b"a" * 60 + b"!\n"  # which Python's `re` would need years for
END = (
    b"--- FAIL: TestRunVolumesFrom (12.40s)\n\tdocker_cli_run_test.go:411: timed out waiting for container 5a7d\n"
    b"FAIL\nexit status 1\nmake: *** [test] Error 1\nBuild step 'Execute shell' marked build as failure\n"
)
SIGNATURE = """
[[signature]]
id = "backtracking"
regex = "(a+)+b$"
class = "network"
retry = "unknown"
example = "aaab"
"""
NUMBERS = {
    "commands_per_minute": 1000,
    "commands_per_minute_in_channel": 10_000,
    "burst_lines": 100,
    "line_every_s": 0.001,
    "gather_s": 0.1,
    "timeout_s": 60,
    "stuck_after_s": 600,
    "handler_limit_s": 300,
}


class HugeLogs:
    """What stands before a Jenkins: it answers for logs, and passes on all else.

    Arguments:
        megabytes: of each log, which is made as it is sent.
    """

    def __init__(self, megabytes: int) -> None:
        draw = random.Random(SEED)
        lines = [*islice(noise(draw), PIECE // 100), CRAFTED.strip()]
        self._piece = b"\r\n".join([*draw.sample(lines, len(lines)), b""])
        self._count = megabytes * PIECE // len(self._piece)
        self._behind = ""
        self.begun = self.sent = 0

    @property
    def size(self) -> int:
        """Bytes of a log."""
        return self._count * len(self._piece) + len(END)

    async def start(self, behind: str) -> str:
        """Listen on loopback, and return the address."""
        self._behind = behind.rstrip("/")
        self._session = aiohttp.ClientSession(auto_decompress=False)
        self._runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/"

    async def stop(self) -> None:
        """Listen no more."""
        await self._runner.cleanup()
        await self._session.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        given = {name: value for name, value in request.headers.items() if name not in ("Host", "Content-Length")}
        url = f"{self._behind}{request.rel_url}"
        async with self._session.request(
            request.method, url, headers=given, data=await request.read(), allow_redirects=False
        ) as answer:
            if "/logText/" in request.path and answer.status == 200 and "X-More-Data" not in answer.headers:
                return await self._log(request)
            kept = {name: value for name, value in answer.headers.items() if name.startswith(("X-", "Location"))}
            body = await answer.read()
            return web.Response(
                status=answer.status,
                body=body,
                headers={**kept, "Content-Type": answer.headers.get("Content-Type", "")},
            )

    async def _log(self, request: web.BaseRequest) -> web.StreamResponse:
        self.begun += 1
        told = web.StreamResponse(headers={"Content-Type": "text/plain", "X-Text-Size": str(self.size)})
        await told.prepare(request)
        with contextlib.suppress(ConnectionError):  # who only wants to know whether it is complete reads no more
            for _ in range(self._count):
                await told.write(self._piece)
            await told.write(END)
            self.sent += 1
        return told


@dataclass(slots=True)
class Site:
    """A Gordon in a process of its own that is given much to do.

    Arguments:
        start_mb: its memory when all was under way and nothing was to be done.
        waits_s: by the monotonic time, how long each of those waited who asked something small meanwhile.
    """

    world: World
    logs: HugeLogs
    person: Maintainer
    web_url: str
    pid: int
    told: Path
    start_mb: float = 0.0
    waits_s: list[tuple[float, float]] = field(default_factory=list)
    _pull: int = 0

    async def reads_a_log(self, within_s: float = 300.0) -> None:
        """Have a build fail, and wait until its verdict is told."""
        self._pull += 1
        heard = len(self.person.heard)
        self.person.type(f"rebuild moby#{self._pull} janky")
        async with asyncio.timeout(within_s):
            while not any("TestRunVolumesFrom" in line for line in self.person.heard[heard:]):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def takes_a_webhook(self) -> int:
        """Send the largest webhook that there is, and return how it was answered."""
        body = msgspec.json.encode(pull_body(more="")).removesuffix(b'"}')
        body += b"x" * (HOOK_BYTES - len(body) - 2) + b'"}'
        return await self._post(body)

    async def _post(self, body: bytes) -> int:
        given = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "pull_request",
            "X-GitHub-Delivery": f"00000000-0000-0000-0000-{len(self.waits_s):012}",
            "X-Hub-Signature-256": signed(body, HOOK_SECRET),
        }
        url = f"{self.web_url}/notification/github"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=io.BytesIO(body), headers=given) as answer,
        ):
            return answer.status

    async def ask_small_things(self, *, in_chat: bool) -> None:
        """Ask again and again what takes nothing, of the listener and, if wanted, in chat."""
        async with aiohttp.ClientSession() as session:
            while True:
                asked_s = time.monotonic()
                async with session.get(f"{self.web_url}/ping") as answer:
                    await answer.read()
                self.waits_s.append((asked_s, time.monotonic() - asked_s))
                if in_chat:
                    asked_s, heard = time.monotonic(), len(self.person.heard)
                    self.person.type("ping")
                    await self.person.hears("pong", after=heard)
                    self.waits_s.append((asked_s, time.monotonic() - asked_s))
                await asyncio.sleep(0.1)

    async def log_is_asked_for(self, before: int) -> None:
        """Wait until one more log is on its way."""
        while self.logs.begun <= before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def log_is_sent(self, before: int) -> None:
        """Wait until one more log was taken to its end."""
        while self.logs.sent <= before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    def late_s(self, since_s: float, until_s: float) -> Sequence[float]:
        """List by how much the edge loop came too late to its turns between two monotonic times."""
        lines = self.told.read_bytes().splitlines()
        turns = [turn for line in lines for turn in msgspec.json.decode(line, type=list[tuple[float, float]])]
        return [late_s for asked_s, late_s in turns if asked_s + late_s >= since_s and asked_s <= until_s]

    def forget_peak(self) -> None:
        """Have the most memory counted from now on."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")

    def memory_mb(self, what: str = "VmRSS") -> float:
        """Tell how much memory the process holds now (VmRSS), or at most ever did (VmHWM)."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith(what)).split()[1]) / 1024


@asynccontextmanager
async def busy(folder: Path, megabytes: int) -> AsyncIterator[Site]:
    """Run a Gordon on IRC whose Jenkins has logs of so many MB (2**20 bytes), and GitHub's webhooks."""
    port = free_port()
    world = World(
        folder / "world",
        with_irc=True,
        with_hook=True,
        web_port=port,
        plugins=(*PLUGINS, "blocking", "backtracking"),
        plugin_folder=BAD,
        numbers=NUMBERS,
    )
    logs, person, told = HugeLogs(megabytes), Maintainer("tianon"), folder / "late"
    async with world:
        world.build_of(lambda starting: Plan("FAILURE", duration_s=0.2, log="made elsewhere\n"))
        front = await logs.start(world.jenkins.url)
        text = world.config.read_text(encoding="utf-8").replace(world.jenkins.url, front)
        (world.folder / "bad.toml").write_text(SIGNATURE, encoding="utf-8")
        world.config.write_text(f'{text}\n[diagnosis]\ncatalogues = ["bad.toml"]\n', encoding="utf-8")
        for _ in range(3):
            world.github.open_pull(REPO, title="Something else", author="jess")
        await person.join(world.irc_port)
        with (folder / "gordon.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.bench.busy_gordon", str(world.config), str(told)),
                env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")},
                stdout=log,
                stderr=log,
            )
        try:
            await person.sees_gordon_join(0)
            person.type("ping")
            await person.hears("pong")
            await asyncio.sleep(2.0)  # what is begun at the start is over by then
            site = Site(world, logs, person, f"http://127.0.0.1:{port}", process.pid, told)
            site.start_mb = site.memory_mb()
            yield site
        finally:
            with contextlib.suppress(ProcessLookupError):  # it has ended already
                process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 30)
            await person.leave()
            await logs.stop()
