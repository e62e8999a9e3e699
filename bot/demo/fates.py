"""How the demo's builds go: how long each context takes, and the logs of those that fail in the classic ways."""

import random
from collections.abc import Mapping
from dataclasses import replace

from bot.demo.jenkins.model import Plan, Starting
from bot.demo.jenkins.nodes import Agent
from bot.demo.world import CONTEXTS

MINUTES = {"experimental": 4, "janky": 6, "lxc": 9, "windows": 18, "libcontainer-cross": 2, "libcontainer-unit": 1}
OTHER_MINUTES = 5
OFTEN_BAD = 0.25  # of the builds of a show: enough to see one soon, and not so many that nobody would work there

# They take no builds of their own accord: where a build of the demo runs is part of how it goes.
AGENTS = (
    Agent("ubuntu-1", 4, ("distro:ubuntu", "driver:aufs", "kernel:4.2"), exclusive=True),
    Agent("dm-7", 2, ("distro:centos", "driver:devicemapper", "kernel:3.10"), exclusive=True),
    Agent("windows-1", 2, ("distro:windows", "driver:windowsfilter"), exclusive=True),
)
AGENT_OF = {"windows": "windows-1"}
OTHER_AGENT = "ubuntu-1"

DEVICEMAPPER_LINE = (
    "Error getting container init rootfs 8d3c5a0b1f2e from driver devicemapper: Error mounting "
    "'/dev/mapper/docker-8:1-1441794-8d3c5a0b1f2e-init' on '/var/lib/docker/devicemapper/mnt/8d3c5a0b1f2e-init': "
    "device or resource busy"
)
DEVICEMAPPER_CAUSE = "docker-init-rootfs"  # as Gordon's own catalogue calls it
TEST_LINE = "--- FAIL: TestRunVolumesFrom (12.40s)"

GREEN_LOG = (
    "---> Making bundle: test\n+ go test -test.timeout=30m ./...\nok  \tgithub.com/docker/docker/runconfig\t0.012s\n"
)
DEVICEMAPPER_LOG = f"""---> Making bundle: test-integration-cli
[PASSED]: build - single quotes in commands
2014/09/12 17:31:11 {DEVICEMAPPER_LINE}
make: *** [test-integration-cli] Error 1
Build step 'Execute shell' marked build as failure
"""
TEST_LOG = f"""---> Making bundle: test-integration-cli
=== RUN TestRunVolumesFrom
{TEST_LINE}
\tdocker_cli_run_test.go:411: timed out waiting for container 5a7d
FAIL
exit status 1
FAIL\tgithub.com/docker/docker/integration-cli\t412.902s
make: *** [test-integration-cli] Error 1
Build step 'Execute shell' marked build as failure
"""
CHECKPOINT_LOG = """---> Making bundle: cross
=== RUN TestCheckpoint
--- FAIL: TestCheckpoint (3.02s)
\tcheckpoint_test.go:88: criu failed: type NOTIFY errno 0
FAIL
exit status 1
FAIL\tgithub.com/docker/libcontainer/integration\t41.507s
make: *** [cross] Error 1
Build step 'Execute shell' marked build as failure
"""
FORMAT_LOG = """---> Making bundle: validate-gofmt
These files are not properly gofmt'd:
 - daemon/volumes.go

Please reformat the above files using "gofmt -s -w" and commit the result.
make: *** [validate] Error 1
Build step 'Execute shell' marked build as failure
"""
COMPILE_LOG = """---> Making bundle: binary
+ go build -o bundles/docker ./docker
# github.com/docker/docker/daemon
daemon/volumes.go:41:9: undefined: mountPoint
make: *** [binary] Error 1
Build step 'Execute shell' marked build as failure
"""

GREEN = Plan("SUCCESS", log=GREEN_LOG)
DEVICEMAPPER = Plan("FAILURE", log=DEVICEMAPPER_LOG, node="dm-7")
TEST_FAILS = Plan("FAILURE", log=TEST_LOG)
HANGS = Plan("SUCCESS", duration_s=7200.0)
CANNOT_CHECKPOINT = Plan("FAILURE", log=CHECKPOINT_LOG)
IS_NOT_FORMATTED = Plan("FAILURE", log=FORMAT_LOG)
DOES_NOT_COMPILE = Plan("FAILURE", log=COMPILE_LOG)

_CONTEXT_OF = {job: context for context, job in CONTEXTS.items()}


class Fates:
    """Decides how each build goes: as planned, else by lot, else well.

    Arguments:
        planned: plans by pull request and context, or job where that is none of moby's, each for the first such build.
        lots: where chance comes from; None: what is not planned goes well.
    """

    def __init__(self, planned: Mapping[tuple[int, str], Plan], lots: random.Random | None = None) -> None:
        self._planned = dict(planned)
        self._lots = lots

    def __call__(self, starting: Starting) -> Plan:
        context = _CONTEXT_OF.get(starting.job, starting.job)
        pull = int(str(starting.parameters.get("PR") or 0))
        plan = self._planned.pop((pull, context), None) or self._drawn()
        minutes = MINUTES.get(context, OTHER_MINUTES)
        how_far = 1.0 if plan is GREEN else 0.5
        node = plan.node or AGENT_OF.get(context, OTHER_AGENT)
        duration_s = minutes * 60.0 * how_far if plan.duration_s is None else plan.duration_s
        return replace(plan, duration_s=duration_s, node=node)

    def _drawn(self) -> Plan:
        if self._lots is None or self._lots.random() >= OFTEN_BAD:
            return GREEN
        return self._lots.choice((DEVICEMAPPER, TEST_FAILS))
