"""A status page for tests: an overview that is a value, a day of it for pictures, and a listener that shows it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.adapters.health_pages import READING
from bot.adapters.hook_secrets import HookSecrets
from bot.adapters.page_token import PageToken
from bot.adapters.status_html import StatusHtml
from bot.adapters.status_page import EVENTS, PATH, StatusPage
from bot.adapters.web import Page, WebServer
from bot.clock import SystemClock
from bot.facts import Diagnosis, Fact, FailureClass, FlakeRow, Kind
from bot.glances import Glance
from bot.health import Part
from bot.overview import Agents, ContextState, DownNode, Flakes, OpenPull, Overview, Some, Trace, stands, troubles
from bot.overview_rows import Head
from bot.ports import Letter
from bot.settings import WebSettings
from bot.values import BuildRef, JobRef, Node, NodeRef, Pull, PullRef, Result, Stage, Standing

NOW = datetime(2026, 11, 22, 14, 5, 12, tzinfo=UTC)
CI, FORGE = "https://ci.example.org", "https://github.com"
ORIGINS = (CI, FORGE)
REPO = "moby/moby"
DAYS = 30
EMPTY = Overview(
    NOW, "1.0", NOW, (), (), 0, (), Some(), Some(), Some(), (), Flakes(), Flakes(), Agents(0, Some()), Some(), ()
)  # fmt: skip


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def running(job: str, number: int, minutes: float, node: str, *, pull: int = 0, of_min: float = 0) -> Standing:
    """Make a build that runs."""
    return Standing(
        job, JobRef("ci", job), Stage.RUNNING, number=number, url=f"{CI}/job/{job}/{number}/", node=node,
        pull=PullRef(REPO, pull) if pull else None, started_at=ago(minutes), estimate_s=of_min * 60 or None,
    )  # fmt: skip


def waiting(job: str, item: int, minutes: float, why: str, *, pull: int = 0) -> Standing:
    """Make a build that waits."""
    return Standing(
        job, JobRef("ci", job), Stage.QUEUED, queue_id=item, url=f"{CI}/queue/item/{item}/", why=why,
        pull=PullRef(REPO, pull) if pull else None, started_at=ago(minutes),
    )  # fmt: skip


def pull(number: int, title: str, author: str = "tianon", **contexts: str) -> OpenPull:
    """Make an open pull request; contexts are `janky="passed 12"`, or only a word."""
    head = f"{number * 2654435761 % (1 << 64):016x}"
    one = Pull(PullRef(REPO, number), title, author, 7, head, "master", "x/moby", f"{FORGE}/{REPO}/pull/{number}")
    return OpenPull(one, [_context(name, told) for name, told in contexts.items()])


def _context(name: str, told: str) -> ContextState:
    word, _, number = told.partition(" ")
    results = {"passed": "SUCCESS", "failed": "FAILURE", "unstable": "UNSTABLE", "aborted": "ABORTED"}
    states = {"runs": "running", "waits": "queued"}
    if word not in results and word not in states:
        return stands(name, None)
    build = int(number) if number else None
    return stands(name, Head(states.get(word, "finished"), results.get(word), build, f"{CI}/job/{name}/{number}/"))


def failed(job: str, number: int, minutes: float, kind: Kind, text: str, **more: Any) -> Fact:
    """Make a build that failed."""
    of_pull = more.pop("pull", 0)
    given: dict[str, Any] = {
        "confidence": 0.9,
        "link": f"{CI}/job/{job}/{number}/consoleText#1042",
        "line": 1042,
    } | more
    diagnosis = Diagnosis(kind, given.pop("failure_class", FailureClass.TEST_FAILURE), text=text, **given)
    return Fact(
        number, f"r{number}", BuildRef(JobRef("ci", job), number), "", job, Result.FAILURE, diagnosis,
        f"{CI}/job/{job}/{number}/", REPO, PullRef(REPO, of_pull) if of_pull else None, node="builder-07",
        finished_at=ago(minutes),
    )  # fmt: skip


def flakes(*rows: tuple[str, int, int, str]) -> Flakes:
    """Make flakes of names, how often of how many, and a job."""
    begin = datetime(2026, 11, 22, tzinfo=UTC).timestamp() - (DAYS - 1) * 86400
    days = {
        name: tuple((begin + day * 86400, float(_on_day(failed, day + len(name)))) for day in range(DAYS))
        for name, failed, _, _ in rows
    }
    found = [FlakeRow(name, runs, bad, bad, bad, 2, NOW, (job,) if job else ()) for name, bad, runs, job in rows]
    return Flakes(Some(found, len(found)), days)


def _on_day(failed: int, day: int) -> int:
    return (day * 7919 % 11) * failed // 150


def a_day() -> Overview:
    """Make an overview of a day on which some things are not well."""
    glances = [
        Glance("ci", asked_at=NOW),
        Glance("windows", asked_at=ago(31), silent_since=ago(29), problem="Jenkins windows does not answer: time-out"),
    ]
    parts = [
        Part("handlers", {"waiting": 0}),
        Part("logs", {"waiting": 1, "kept": 812}),
        Part("libera", {"waiting_lines": 0}),
        Part("oftc", {"waiting_lines": 12}, is_well=False),
        Part("slack", {"waiting_lines": 0}),
        Part("pull requests", {"told": {"fresh": 96, "repeated": 3}, "wanted": 0}),
        Part("GitHub", {"limits": {"core": {"left": 4212, "limit": 5000}}}),
    ]
    runs = [
        running("janky", 4182, 74, "builder-03", pull=48112, of_min=70),
        running("experimental", 2291, 18, "builder-07", pull=48131, of_min=45),
        running("windows-base", 877, 12, "win-2022-a", of_min=30),
        running("powerpc", 1033, 0.5, "ppc64le-1", pull=48131),
    ]
    waits = [
        waiting("z-series", 90211, 22, "Waiting for next available executor on s390x", pull=48112),
        waiting("arm64", 90214, 4, "In the quiet period. Expires in 4.2 sec", pull=48131),
    ]
    pulls = [
        pull(48131, "Use one mount for each container", janky="waits", experimental="runs 2291", powerpc="runs 1033"),
        pull(
            48112,
            "libnetwork: <script>alert(1)</script> in a title is text",
            "vieux",
            janky="runs 4182",
            experimental="failed 2288",
            powerpc="passed 1030",
            arm64="unstable 311",
        ),
        pull(
            48098,
            "Docs: say what --restart does after a reboot",
            "jess",
            janky="passed 4179",
            experimental="passed 2287",
            powerpc="passed 1029",
        ),
        pull(
            48077,
            "Fix a race in the devicemapper driver",
            "newcomer",
            janky="passed 4170",
            experimental="aborted 2281",
            powerpc="none",
        ),
    ]
    verdicts = [
        failed("experimental", 2288, 38, Kind.FLAKY_TEST, "--- FAIL: TestDaemonRestartUnlessStopped (12.31s)", pull=48112, cause="go-test-flaky", failed_tests=("TestDaemonRestartUnlessStopped",)),  # noqa: E501
        failed("janky", 4178, 102, Kind.KNOWN_INFRA, "Error response from daemon: devmapper: Thin Pool has 0 free data blocks", cause="dm-thin-pool-full", failure_class=FailureClass.DISK_FULL, pull=48077),  # noqa: E501
        failed("powerpc", 1027, 260, Kind.COMPILE_ERROR, "daemon/graphdriver/zfs/zfs.go:211: undefined: gzfs.ListZpools", pull=48055),  # noqa: E501
        failed("windows-base", 871, 1500, Kind.AGENT_LOST, "java.nio.channels.ClosedChannelException", cause="agent-channel-closed", failure_class=FailureClass.AGENT_LOST),  # noqa: E501
    ]  # fmt: skip
    down = [
        DownNode(
            Node(
                NodeRef("ci", "s390x-2"),
                f"{CI}/computer/s390x-2/",
                offline=True,
                reason="Connection was broken: java.io.EOFException",
            ),
            ago(44),
        ),
        DownNode(
            Node(
                NodeRef("ci", "builder-11"),
                f"{CI}/computer/builder-11/",
                offline=True,
                marked=True,
                reason="new disk, back on Tuesday (jess)",
            ),
            ago(2900),
        ),
    ]
    letters = [Letter("e31", ago(95), "build.start", "gave up waiting: Jenkins windows does not answer", "k1")]
    trail = [
        Trace(ago(1), "k7f2", "tianon", "rebuild", "", "accepted"),
        Trace(ago(1), "k7f2", "tianon", "build.start", "moby/moby#48131 ci/powerpc", "sent"),
        Trace(ago(9), "m2qd", "", "rebuild", "", "refused"),
        Trace(ago(26), "p9aa", "jess", "node offline", "", "answered"),
        Trace(ago(29), "w3xe", "vieux", "status", "", "answered"),
    ]
    return Overview(
        NOW, "1.4.0", ago(8200), troubles(parts, glances, len(letters)), parts, 2, glances,
        Some(runs, len(runs)), Some(waits, len(waits)), Some(pulls, 37), verdicts,
        flakes(("dm-thin-pool-full", 118, 2110, "janky"), ("go-test-flaky", 74, 3012, "experimental"), ("registry-timeout", 31, 4620, "janky, arm64")),  # noqa: E501
        flakes(("experimental", 102, 1480, ""), ("janky", 81, 1530, ""), ("powerpc", 22, 1102, "")),
        Agents(42, Some(down, len(down))), Some(letters, len(letters)), trail,
    )  # fmt: skip


def a_large_one() -> Overview:
    """Make an overview as large as one gets: every list is as long as it may be, of more than are shown."""
    runs = [running(f"job-{number}", number, number, f"agent-{number}", pull=number) for number in range(1, 61)]
    waits = [waiting(f"job-{number}", number, number, "x" * 300, pull=number) for number in range(1, 61)]
    contexts = {f"context-{number}": f"failed {number}" for number in range(8)}
    pulls = [pull(number, "A title that goes on and on " * 8, **contexts) for number in range(1, 101)]
    verdicts = [failed(f"job-{number}", number, number, Kind.NEW_FAILURE, "x" * 2000) for number in range(1, 21)]
    down = [
        DownNode(
            Node(NodeRef("ci", f"agent-{number}"), f"{CI}/computer/{number}/", offline=True, reason="y" * 300), NOW
        )
        for number in range(60)
    ]
    rows = flakes(*((f"cause-{number}", 100, 1000, "a, b, c") for number in range(8)))
    return replace(
        a_day(), running=Some(runs, 5000), queued=Some(waits, 900), pulls=Some(pulls, 500), verdicts=verdicts,
        causes=rows, jobs=rows, agents=Agents(2000, Some(down, 700)),
    )  # fmt: skip


class Shown:
    """What is looked at, whatever a test makes of it, and how often."""

    def __init__(self, overview: Overview) -> None:
        self.overview = overview
        self.looks = 0
        self.problem: Exception | None = None
        self.is_closed = False

    async def look(self) -> Overview:
        self.looks += 1
        if self.problem is not None:
            raise self.problem
        return self.overview

    def close(self) -> None:
        self.is_closed = True


class Listener:
    """A listener that has nothing but the status page."""

    def __init__(self, shown: Shown, page: StatusPage) -> None:
        self.shown = shown
        self.page = page
        pages = {PATH: Page(page.page, READING, end=page.end), EVENTS: Page(page.events, READING)}
        self.server = WebServer(WebSettings(port=0), pages)

    @property
    def url(self) -> str:
        return self.server.url


@asynccontextmanager
async def shown(
    overview: Overview, token: HookSecrets | None = None, *, origins: Sequence[str] = ORIGINS, **limits: Any
) -> AsyncIterator[Listener]:
    """Show an overview on a free port."""
    looked = Shown(overview)
    door = PageToken(token, SystemClock(), slow_s=limits.pop("slow_s", 0.05))
    html = limits.pop("html", None) or StatusHtml(origins)
    limits = {"looked_every_s": 0.05, "beat_every_s": 0.2} | limits
    listener = Listener(looked, StatusPage(looked, html, door, **limits))
    await listener.server.start()
    try:
        yield listener
    finally:
        await listener.server.stop()
