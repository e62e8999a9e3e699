"""The pages below `computer/`: the nodes, what they run, and taking them offline."""

from bot.demo.jenkins.ledger import NodeMarked
from bot.demo.jenkins.model import Build
from bot.demo.jenkins.nodes import BUILT_IN, BUILT_IN_SEGMENTS, Agent
from bot.demo.jenkins.request import CONNECT, DISCONNECT, READ, Answer, Refused
from bot.demo.jenkins.rooms import Visit
from bot.demo.jenkins.tree import Bean, Inline, Shown, bean

_MONITORS = (
    "hudson.node_monitors.SwapSpaceMonitor",
    "hudson.node_monitors.TemporarySpaceMonitor",
    "hudson.node_monitors.DiskSpaceMonitor",
    "hudson.node_monitors.ArchitectureMonitor",
    "hudson.node_monitors.ResponseTimeMonitor",
    "hudson.node_monitors.ClockMonitor",
)
_STEPS = "org.jenkinsci.plugins.workflow.support.steps"
_PLACEHOLDER = f"{_STEPS}.ExecutorStepExecution$PlaceholderTask$PlaceholderExecutable"


def nodes_page(visit: Visit, segments: list[str]) -> Answer | None:
    """Show the nodes or one of them, or take one offline."""
    if segments[:1] != ["computer"]:
        return None
    visit.asking.need(READ)
    match segments[1:]:
        case []:
            return visit.page("Nodes")
        case ["api", "json"]:
            return visit.shown(_computers(visit))
        case [name, *page]:
            return _one(visit, _agent(visit, name), page)
    return None


def _agent(visit: Visit, segment: str) -> Agent:
    name = BUILT_IN if segment in BUILT_IN_SEGMENTS else segment
    agent = visit.engine.agents.get(name)
    if agent is None or (not name and segment not in BUILT_IN_SEGMENTS):
        raise Refused(404, "Not Found")
    return agent


def _one(visit: Visit, agent: Agent, page: list[str]) -> Answer | None:
    match page:
        case []:
            return visit.page(_shown_name(agent))
        case ["api", "json"]:
            return visit.shown(_computer(visit, agent))
        case ["toggleOffline" | "changeOfflineCause" | "doDisconnect" | "launchSlaveAgent" as act]:
            visit.only_post()
            _act(visit, agent, act)
            return Answer(302, headers={"Location": _back(visit)})
    return None


def _act(visit: Visit, agent: Agent, act: str) -> None:
    reason = (visit.incoming.get("offlineMessage") or "").strip()
    connects = act == "launchSlaveAgent" or (act == "toggleOffline" and agent.marked)
    visit.asking.need(CONNECT if connects else DISCONNECT)
    match act:
        case "toggleOffline":
            _mark(visit, agent, None if agent.marked else reason)
        case "changeOfflineCause":  # sets the mark too, which its name does not say
            _mark(visit, agent, reason)
        case "doDisconnect":
            visit.engine.disconnect(agent, reason)
        case _:
            visit.engine.connect(agent)


def _mark(visit: Visit, agent: Agent, reason: str | None) -> None:
    visit.engine.mark(agent, reason)
    at = visit.engine.wall(visit.now_s)
    mark = NodeMarked(at, agent.name, reason is not None, reason or "", visit.asking.name)
    visit.engine.ledger.marks.append(mark)


def _back(visit: Visit) -> str:
    """Redirect to the page of the node, as it was addressed [HttpResponses.redirectToDot]."""
    return visit.incoming.base + visit.incoming.path.rpartition("/")[0] + "/"


def _shown_name(agent: Agent) -> str:
    return agent.name or "Built-In Node"


def _computers(visit: Visit) -> Bean:
    agents = dict(visit.engine.agents)
    for build in visit.engine.running(visit.now_s):  # what a plan names need not be declared
        agents.setdefault(build.node, Agent(build.node))
    busy = {name: len(_work_on(visit, agent)) for name, agent in agents.items()}
    slots = {name: max(busy[name], 0 if agent.offline else agent.executors) for name, agent in agents.items()}
    return bean(
        "hudson.model.ComputerSet",
        plain={
            "busyExecutors": sum(busy.values()),
            "totalExecutors": sum(slots.values()),
            "displayName": "Nodes",
            "computer": Inline([_computer(visit, agent) for agent in agents.values()]),
        },
    )


def _work_on(visit: Visit, agent: Agent) -> list[Build]:
    """List what takes an executor here: builds, and `node` blocks of Pipelines, whose own part takes none."""
    work = [build for build in visit.engine.busy(visit.now_s) if build.node == agent.name]
    for build in visit.engine.running(visit.now_s):
        if build.is_pipeline and build.building(visit.now_s) and not build.is_waiting_for_node(visit.now_s):
            stages = [stage for stage in build.stages if stage.begin_s <= visit.now_s < stage.end_s]
            places = [build.node, *(stage.plan.node for stage in stages if stage.plan.node)]
            work += [build] * places.count(agent.name)
    return work


def _computer(visit: Visit, agent: Agent) -> Bean:
    builds = _work_on(visit, agent)
    beside = [build for build in visit.engine.running(visit.now_s) if build.job.flyweight and not agent.name]
    slots: list[Build | None] = [*builds, *[None] * (max(len(builds), agent.executors) - len(builds))]
    return bean(
        "hudson.slaves.SlaveComputer" if agent.name else "hudson.model.Hudson$MasterComputer",
        near={"displayName": _shown_name(agent)},
        plain={
            "actions": [bean("", plain={})],
            "assignedLabels": [bean("", near={"name": label}) for label in agent.all_labels],
            "description": agent.description,
            "executors": [bean("", plain=_executor(visit, slot, number)) for number, slot in enumerate(slots)],
            "icon": "symbol-computer-offline" if agent.offline else "symbol-computer",
            "iconClassName": "symbol-computer-offline" if agent.offline else "symbol-computer",
            "idle": not builds and not beside,
            "jnlpAgent": bool(agent.name),
            "launchSupported": True,
            "loadStatistics": bean("hudson.model.Label$1", near={}),
            "manualLaunchAllowed": True,
            "monitorData": Inline(_monitors(visit, agent)),
            "numExecutors": len(slots),
            "offline": agent.offline,
            "offlineCause": bean("hudson.slaves.OfflineCause$UserCause", near={}) if agent.offline else None,
            "offlineCauseReason": agent.reason,
            "oneOffExecutors": [bean("", plain=_executor(visit, build, -1)) for build in beside],
            "temporarilyOffline": agent.marked,
        },
    )


def _executor(visit: Visit, build: Build | None, number: int) -> dict[str, Shown]:
    shown: Bean | None = None
    if build is not None:
        shown = visit.views.build(build)
        if build.is_pipeline and number >= 0:  # its `node` block, which has no number of its own
            shown = bean(_PLACEHOLDER, near={"url": f"{visit.root}{build.job.path}{build.number}/"})
    idle = build is None
    return {"currentExecutable": shown, "idle": idle, "likelyStuck": False, "number": number, "progress": -1}


def _monitors(visit: Visit, agent: Agent) -> dict[str, Shown]:
    if CONNECT not in visit.asking.permissions:
        return {}
    if agent.unmonitored or not agent.connected:
        return dict.fromkeys(_MONITORS)
    free = bean(
        "hudson.node_monitors.DiskSpaceMonitorDescriptor$DiskSpace",
        plain={"path": "/var/lib/jenkins", "size": 52_428_800_000, "timestamp": visit.engine.wall_ms(visit.now_s)},
    )
    known: dict[str, Shown] = {
        "hudson.node_monitors.ArchitectureMonitor": "Linux (amd64)",
        "hudson.node_monitors.DiskSpaceMonitor": free,
    }
    return {**dict.fromkeys(_MONITORS), **known}
