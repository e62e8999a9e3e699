"""The script of a day at the demo: what people type and what goes wrong, and that Gordon says what it should."""

import re
from collections.abc import Callable, Iterable

from bot.demo import pull_requests
from bot.demo.fates import DEVICEMAPPER, DEVICEMAPPER_CAUSE, DOES_NOT_COMPILE, IS_NOT_FORMATTED, TEST_FAILS, Fates
from bot.demo.jenkins.ledger import Ledger
from bot.demo.pull_queue import PullQueue
from bot.demo.pull_requests import PullRequests
from bot.demo.stage import ANSWER_WITHIN_S, Missing, Stage
from bot.demo.world import CLOSED, REPO, World

JENKINS_AWAY_S, GORDON_AWAY_S = 200.0, 300.0
STORM_PULLS, STORM_CONTEXTS = (5, 6, 7), ("experimental", "janky")
FATES = {
    (3, "janky"): DEVICEMAPPER,
    (3, "lxc"): IS_NOT_FORMATTED,
    (4, "lxc"): TEST_FAILS,
    **{(number, context): DOES_NOT_COMPILE for number in STORM_PULLS for context in STORM_CONTEXTS},
}


class Day:
    """Plays the script in a world whose people are all scripted.

    Arguments:
        show: takes each line of the transcript.
        answer_within_s: real seconds that an answer may take, on a machine that has other things to do.
    """

    def __init__(self, world: World, show: Callable[[str], None], *, answer_within_s: float = ANSWER_WITHIN_S) -> None:
        self._world = world
        self._stage = Stage(world, show, answer_within_s=answer_within_s)
        self._tell = self._stage.tell
        self._ask = self._stage.ask
        self._confirm = self._stage.confirm
        self._hears = self._stage.hears
        self._head = ""  # of moby#1
        world.build_of(Fates({**FATES, **pull_requests.FATES}))

    async def play(self) -> None:
        """Play it all.

        Raises:
            Missing: Gordon did not say what it should.
        """
        await self._stage.come()
        try:
            await self._morning()
            await self._noon()
            await self._storm()
            await self._outage()
            await self._gordon_restarts()
            await PullRequests(self._stage).play()
            await PullQueue(self._stage).play()
            await self._evening()
        finally:
            await self._stage.go()

    async def _morning(self) -> None:
        """A pull request is built, two people ask for the same, people mistype, and a push moves a head."""
        self._tell("newcomer's moby#3 has never been built")
        await self._ask("newcomer", "!rebuild moby#3", r"the first build of a commit is for triagers of moby/moby")
        await self._ask("tianon", "!rebuild moby#3", r"queued experimental \(item \d+\), janky .*windows \(item \d+\)")
        await self._ask("jess", "!rebuild moby#3 windows", r"windows is already (running|queued)")
        await self._ask("newcomer", "!rebuild moby#1", r"newcomer: .*by its author and by triagers.*\[\w{4}\]")
        await self._ask("icecrime", "!rebuild moby#1/lxcc", r'no context "lxcc" for moby/moby; did you mean lxc\? ')
        await self._ask("icecrime", f"!rebuild moby#{CLOSED}", rf"moby#{CLOSED} is closed")
        await self._ask("jess", "!rebuild moby#1", r"moby#1 at \w{7}: queued experimental")
        await self._ask("tianon", "!queue", r"\d waiting: moby#1 ")
        await self._ask("tianon", "!running", r"\d running: moby#3 ")
        self._head = self._world.github.push(REPO, 1)
        self._tell(f"tianon pushes to moby#1: its head is {self._head:.7} now")
        await self._hears(rf"jess: moby#1 has moved from \w{{7}} to {self._head:.7}: .*windows .*the old commit")
        await self._hears(rf"moby#3 at \w{{7}}: .*passed on the 2nd try; the 1st hit {DEVICEMAPPER_CAUSE}")
        self._tell("nobody had to look at the first try: Gordon knew its failure and had it built again")
        await self._ask("jess", "!why docker-prs#1", rf"known Docker trouble \({DEVICEMAPPER_CAUSE}")
        await self._ask("tianon", "!nodes driver=devicemapper", r"1 agent with driver=devicemapper: 1 up.*: dm-7")
        await self._ask("tianon", "!node dm-7 offline its pool is full", r"dm-7 is marked offline: .*its pool is full")
        await self._ask("newcomer", "!rebuild moby#3 failed", r"newcomer: moby#3 at \w{7}: queued lxc")

    async def _noon(self) -> None:
        """A test fails for real, which is not tried again, and what one asked for another may cancel or not."""
        number = self._world.github.open_pull(REPO, title="Volumes: keep the mode of --volumes-from", author="jess")
        self._tell(f"jess opens moby#{number}: Volumes: keep the mode of --volumes-from")
        await self._ask("jess", "!rebuild moby#4 janky lxc", r"moby#4 at \w{7}: queued janky \(item \d+\), lxc")
        await self._confirm("tianon", "!build base-image PLATFORM=el7", r"base-image: queued \(item \d+\)")
        await self._ask("icecrime", "!build base-image PLATFORM=el8", r"icecrime: .*el8|icecrime: .*PLATFORM")
        await self._hears(r"jess: new failure in TestRunVolumesFrom: moby#4 at \w{7}: .*lxc #\d+ failed after")
        await self._ask("jess", "!why moby#4", r"moby#4 at \w{7}: 1 of \d contexts? failed.*not tried again")
        await self._ask("tianon", "!known test timed out waiting for container", r"found in 1 of \d+ red logs")
        await self._ask("jess", "!status moby#4", r"moby#4 at \w{7}: .*lxc failed")
        await self._ask("tianon", "!rebuild moby#1 lxc windows", rf"moby#1 at {self._head:.7}: queued lxc")
        await self._ask("jess", "!cancel moby#1", r"jess: .*tianon asked for it.*needs the role maintainer")
        await self._confirm("icecrime", "!cancel moby#1", r"moby#1: .*(asked to stop|cancelled|out of the queue)")

    async def _storm(self) -> None:
        """Master does not compile, so whatever is built fails alike, and is told in one line."""
        self._tell("somebody has merged what does not compile")
        for number in STORM_PULLS:
            assert number == self._world.github.open_pull(REPO, title=f"Split the daemon, part {number}", author="jess")
            self._stage.say("jess", f"!rebuild moby#{number} {' '.join(STORM_CONTEXTS)}")
        await self._hears(r"compile error: 5 builds failed alike since .*they are counted here")
        await self._hears(r"jess: compile error: .* failed \(as \d builds have since \d\d:\d\d UTC\)")

    async def _outage(self) -> None:
        """Jenkins restarts: first an honest line, then the truth."""
        self._tell("Jenkins is restarted and answers 503; what ran on it is aborted")
        self._world.jenkins.begin_restart(JENKINS_AWAY_S)
        await self._ask(
            "jess",
            "!rebuild moby#2 experimental janky lxc",
            r"Jenkins ci does not answer .*keep trying until \d\d:\d\d UTC",
        )
        await self._world.clock.sleep(JENKINS_AWAY_S)
        self._tell("Jenkins is back")
        await self._hears(r"tianon(, jess)?: moby#1 at \w{7}: .*was aborted")
        await self._hears(r"jess: moby#2 at \w{7}: queued experimental .*lxc")

    async def _gordon_restarts(self) -> None:
        """Gordon is stopped and started again; what ended meanwhile is told."""
        self._tell("Gordon is stopped; the builds go on without it")
        await self._stage.go()
        await self._world.clock.sleep(GORDON_AWAY_S)
        self._tell("Gordon is started again")
        await self._stage.come()
        await self._hears(r"jess: moby#2 at \w{7}: .*experimental #\d+ passed")

    async def _evening(self) -> None:
        """All builds end, and an operator looks at what was done."""
        await self._hears(r"jess: moby#2 at \w{7}: .*lxc #\d+ passed")
        shown = await self._stage.sees("docker/lxc is shown at moby#2", lambda: self._shown(2, "docker/lxc"))
        self._tell(f"on GitHub moby#2 shows {shown}")
        await self._ask("tianon", "!flakes", rf"flakes by cause.*{DEVICEMAPPER_CAUSE}: 1 of \d+ builds")
        await self._ask("icecrime", "!audit 2", r"newest first")
        await self._ask("tianon", "!running", r"nothing is running")
        ledger = self._world.jenkins.ledger
        if wrong := disagreement(self._stage.said, ledger):
            raise Missing(wrong)
        self._tell(f"by the ledger of Jenkins {len(ledger.triggers)} builds were asked for, none of them twice")

    def _shown(self, number: int, context: str) -> str:
        """Tell the statuses of a pull request, once one of them is that of a build that passed."""
        repo = self._world.github.repo(REPO)
        newest = repo.newest_statuses(repo.pulls[number].head)
        if (context, "success") not in {(one.context, one.state) for one in newest}:
            return ""
        return ", ".join(f"{one.context} {one.state}: {one.description}" for one in newest[::-1])


def disagreement(said: Iterable[str], ledger: Ledger) -> str:
    """Tell where words and deeds differ: a build begun twice, or "queued" said of an item that Jenkins never had."""
    twice = [str(mark) for mark, count in ledger.items_by("GORDON_REQUEST_ID").items() if count > 1]
    told = {int(item) for line in said for item in re.findall(r"\(item (\d+)\)", line)}
    invented = sorted(told - {trigger.queue_id for trigger in ledger.triggers})
    wrong = [f"begun twice: {', '.join(twice)}"] if twice else []
    wrong += [f"told, but not there: {', '.join(f'item {item}' for item in invented)}"] if invented else []
    return "; ".join(wrong)
