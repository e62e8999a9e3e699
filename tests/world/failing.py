"""How builds fail in a World, in words that a test can say.

    async with failing(tmp_path, Tries().of("janky", FLAKE)) as gordon:    # fails once by devicemapper, then passes
        await gordon.say("tianon", "rebuild moby#1 janky")

What builds write: `FLAKE` (known, by devicemapper), `WRAPPED_FLAKE` (the same, its telling words on two lines),
`REAL` (a test fails), `COMPILE_ERROR`, `UNEXPLAINED`, `AGENT_LOST`, `GREEN`; `on(plan, node)` says where,
`saying(text)` makes one that fails with a log of your own. `Tries().of(context or job, first, second, ...)` says how
each try of it goes, for each pull request by itself, and those after them pass; `.always(context, plan)` never
passes; `.of(..., pull=3)` is for one pull request alone. For a matrix: `with_matrix(world, {"FS=aufs": [FLAKE]})`,
and `cells_built(gordon, number)`. `open_pulls(world, 300)` opens many; `fleet(50, bad=...)` makes agents with labels
like `kernel:3.18`; `lose(world, "dm-7")` takes an agent away under what runs there, which then ends as Jenkins lets
it end. `naginator(world, job, AutoRetry(...))` lets Jenkins retry by itself. Nothing lasts longer than `BRIEF_S`
unless its plan says so.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

from bot.clock import Clock
from bot.demo import fates
from bot.demo.jenkins.auto_retry import AutoRetry
from bot.demo.jenkins.cells import CombinationsParameter
from bot.demo.jenkins.model import Outcome, Parameter, Plan, Starting, StringParameter
from bot.demo.jenkins.nodes import CHANNEL_CLOSED, Agent
from bot.demo.world import CONTEXTS, FACTS, PLUGINS, REPO, World
from bot.testing import FakeChat, Gordon, running
from tests.world.honesty import check

BRIEF_S = 0.05
FLAKE_CAUSE = "docker-init-rootfs"  # as the catalogues that come with Gordon call it
LOST_CAUSE = "agent-closed-channel"

GREEN = replace(fates.GREEN, duration_s=BRIEF_S)
FLAKE = replace(fates.DEVICEMAPPER, duration_s=BRIEF_S, node="")
WRAPPED_FLAKE = replace(
    FLAKE,
    log="---> Making bundle: test-integration-cli\n2014/09/12 17:31:11 Error getting container init roo\n"
    "tfs 8d3c5a0b1f2e\nmake: *** [test-integration-cli] Error 1\nBuild step 'Execute shell' marked build as failure\n",
)
REAL = replace(fates.TEST_FAILS, duration_s=BRIEF_S)
COMPILE_ERROR = Plan(
    "FAILURE",
    duration_s=BRIEF_S,
    log="+ go build ./...\n# github.com/docker/docker/daemon\ndaemon/volumes.go:41:9: undefined: mountPoint\n"
    "make: *** [binary] Error 1\nBuild step 'Execute shell' marked build as failure\n",
)
UNEXPLAINED = Plan(
    "FAILURE",
    duration_s=BRIEF_S,
    log="+ hack/frobnicate 4711\nfrobnicator gave up on shelf 17 of aisle 3\n"
    "Build step 'Execute shell' marked build as failure\n",
)
AGENT_LOST = Plan("FAILURE", duration_s=BRIEF_S, log=f"+ make test\n{CHANNEL_CLOSED.format('dm-7')}", node="dm-7")

MATRIX = "matrix"  # the context and its job
DRIVERS = {"FS": ("aufs", "btrfs", "devicemapper", "overlay", "overlay2", "vfs", "windowsfilter", "zfs")}
MATRIX_CONTEXT = """
[repos."moby/moby".contexts.matrix]
jenkins = "ci"
job = "matrix"

[jobs.base-image]"""
NUMBERS = {"poll_s": 0.1, "gather_s": 0.05}
_CONTEXT_OF = {job: context for context, job in CONTEXTS.items()}


def saying(log: str, *, result: str = "FAILURE", node: str = "") -> Plan:
    """Make a build that writes this and ends so."""
    assert result in ("SUCCESS", "UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED")
    return Plan(result, duration_s=BRIEF_S, log=log, node=node)  # type: ignore[arg-type]


def on(plan: Plan, node: str) -> Plan:
    """Let a build run on an agent, whether that has room or not."""
    return replace(plan, node=node)


class Tries:
    """Decides how builds go by which try of their context, or job, they are; what nobody planned passes at once."""

    def __init__(self) -> None:
        self._planned: dict[tuple[str, int], Sequence[Plan]] = {}
        self._for_ever: dict[tuple[str, int], Plan] = {}
        self._seen: dict[tuple[str, int], int] = {}
        self.begun: list[Starting] = []

    def of(self, name: str, *plans: Plan, pull: int = 0) -> Self:
        """Plan the first tries of a context or job, of each pull request or of one."""
        self._planned[name, pull] = plans
        return self

    def always(self, name: str, plan: Plan, *, pull: int = 0) -> Self:
        """Let all builds of a context or job go like this."""
        self._for_ever[name, pull] = plan
        return self

    def count(self, name: str, pull: int) -> int:
        """Tell how many builds of a context there were for a pull request."""
        return self._seen.get((name, pull), 0)

    def __call__(self, starting: Starting) -> Plan | None:
        self.begun.append(starting)
        if starting.job.split("/")[0] == MATRIX:
            return None  # its cells know
        name = _CONTEXT_OF.get(starting.job, starting.job)
        pull = int(str(starting.parameters.get("PR") or 0))
        number = self._seen[name, pull] = self.count(name, pull) + 1
        for key in ((name, pull), (name, 0)):
            if key in self._for_ever:
                return self._for_ever[key]
            if key in self._planned:
                plans = self._planned[key]
                return plans[number - 1] if number <= len(plans) else GREEN
        return GREEN


@asynccontextmanager
async def failing(
    folder: Path,
    tries: Callable[[Starting], Plan | None],
    *,
    config: str = "",
    plugins: Sequence[str] = PLUGINS,
    agents: Sequence[Agent] = (),
    prepare: Callable[[World], object] = lambda world: None,
    clock: Clock | None = None,
    with_hook: bool = False,
    chat: FakeChat | None = None,
    **numbers: float,
) -> AsyncIterator[Gordon]:
    """Run a Gordon in a world whose builds go as `tries` say, and see at the end that it told no lies.

    Arguments:
        config: what stands at the end of its `gordon.toml`, as `[plugin.retries]` with its keys.
        prepare: makes the world different, after its configuration was written.
    """
    world = World(
        folder,
        clock=clock,
        plugins=plugins,
        agents=agents,
        with_hook=with_hook,
        executors=400,
        numbers={**NUMBERS, **numbers},
    )
    async with world:
        world.build_of(tries)
        with world.config.open("a", encoding="utf-8") as file:
            file.write(config)
        prepare(world)
        async with running(folder, world=world, chat=chat) as gordon:
            if with_hook:
                await world.send_webhook_to(gordon.app)
            yield gordon
            check(gordon.lines, world)


def with_matrix(
    world: World, outcomes: Mapping[str, Sequence[Plan]], *, axes: Mapping[str, Sequence[str]] = DRIVERS
) -> None:
    """Add a matrix as a context, which builds the cells that it is told to; those not named here pass.

    Arguments:
        outcomes: by the name of a cell, how each build of it goes; the last one repeats.
    """
    parameters: list[Parameter] = [*(StringParameter(name) for name in FACTS), CombinationsParameter("COMBINATIONS")]
    told: dict[str, Outcome] = {name: tuple(plans) for name, plans in outcomes.items()}
    world.jenkins.items.add_matrix(MATRIX, axes, parameters=parameters, duration_s=BRIEF_S, outcomes=told)
    text = world.config.read_text(encoding="utf-8")
    world.config.write_text(text.replace("\n[jobs.base-image]", MATRIX_CONTEXT, 1), encoding="utf-8")


def cells_built(gordon: Gordon, number: int, *, axes: Mapping[str, Sequence[str]] = DRIVERS) -> list[str]:
    """List the cells that one build of the matrix has built itself; of one axis."""
    [(axis, values)] = axes.items()
    names = [f"{axis}={value}" for value in values]
    return [name for name in names if number in gordon.world.jenkins.items.find_cell(MATRIX, name).builds]


def open_pulls(world: World, count: int, *, author: str = "tianon") -> list[int]:
    """Open pull requests and give their numbers."""
    return [world.github.open_pull(REPO, title=f"Change {n}", author=author) for n in range(1, count + 1)]


def fleet(count: int, *, bad: Iterable[int] = (), bad_kernel: str = "3.18", kernel: str = "4.2") -> list[Agent]:
    """Make agents `node-1` and so on, of several drivers and distributions.

    Arguments:
        bad: the numbers of those with the other kernel.
    """
    drivers, distros = ("aufs", "devicemapper", "overlay"), ("centos", "debian", "ubuntu", "fedora")
    marked = set(bad)
    return [
        Agent(
            f"node-{n}",
            4,
            (
                f"kernel:{bad_kernel if n in marked else kernel}",
                f"driver:{drivers[n % len(drivers)]}",
                f"distro:{distros[n % len(distros)]}",
            ),
            exclusive=True,
        )
        for n in range(1, count + 1)
    ]


def lose(world: World, node: str) -> None:
    """Take an agent away under what runs there: it fails, and its log says why as Jenkins does."""
    world.jenkins.disconnect_node(node)


def naginator(world: World, job: str, how: AutoRetry) -> None:
    """Let Jenkins itself retry failed builds of a job."""
    world.jenkins.items.retry_failed(world.jenkins.job(job), how)
