"""What a Pipeline of a Jenkins stand-in writes into its log."""

from collections.abc import Callable
from datetime import datetime

from bot.demo.jenkins.logs import as_lines, cause_lines
from bot.demo.jenkins.model import Build
from bot.demo.jenkins.stages import StageRun

Wall = Callable[[float], datetime]


def write_pipeline(build: Build, wall: Wall) -> None:
    """Write the whole log but its last line into the time to come."""
    begin_s = build.started_s
    start, end = begin_s + build.plan.node_wait_s, build.steps_end_s
    head = [*cause_lines(build.causes), b"[Pipeline] Start of Pipeline", b"[Pipeline] node"]
    build.log.add(b"\n".join(head) + b"\n", begin_s)
    if start > begin_s:
        build.log.add(b"Still waiting to schedule task\nWaiting for next available executor\n", begin_s)
    _write(build, _place(build, build.plan.node), start, start, wall)
    build.log.add(b"[Pipeline] {\n", start)
    for stage in build.stages:
        _write_stage(build, stage, wall)
    if not build.stages:
        build.log.add(b"[Pipeline] sh\n", start)
        _write(build, as_lines(build.plan.log or build.job.log), start, end, wall)
    build.log.add(b"[Pipeline] }\n[Pipeline] // node\n[Pipeline] End of Pipeline\n", end)


def _place(build: Build, node: str) -> bytes:
    home = "/home/jenkins" if node else "/var/lib/jenkins"
    return f"Running on {node or 'Jenkins'} in {home}/workspace/{build.job.name}\n".encode()


def _write_stage(build: Build, stage: StageRun, wall: Wall) -> None:
    plan, begin = stage.plan, stage.begin_s
    build.log.add(f"[Pipeline] stage\n[Pipeline] {{ ({plan.name})\n".encode(), begin)
    if plan.ends == "NOT_EXECUTED":
        skipped = f'Stage "{plan.name}" skipped due to when conditional\n'.encode()
        build.log.add(skipped + b"[Pipeline] }\n[Pipeline] // stage\n", begin)
        return
    if plan.input_s:
        build.log.add(b"[Pipeline] input\nGo on?\nProceed or Abort\n", begin)
        build.log.add(b"Approved by somebody\n", stage.steps_s)
    if plan.node:
        build.log.add(b"[Pipeline] node\n", stage.steps_s)
        _write(build, _place(build, plan.node), stage.steps_s, stage.steps_s, wall)
        build.log.add(b"[Pipeline] {\n", stage.steps_s)
    build.log.add(b"[Pipeline] sh\n", stage.steps_s)
    _write(build, as_lines(plan.log), stage.steps_s, stage.end_s, wall)
    if plan.node:
        build.log.add(b"[Pipeline] }\n[Pipeline] // node\n", stage.end_s)
    build.log.add(b"[Pipeline] }\n[Pipeline] // stage\n", stage.end_s)


def _write(build: Build, text: bytes, begin: float, end: float, wall: Wall) -> None:
    """Write output of a step; with the option for it each line has its moment in front [GlobalDecorator]."""
    if not build.plan.timestamps:
        build.log.add(text, begin, end)
        return
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        at = begin + (end - begin) * (number + 1) / len(lines)
        moment = wall(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        build.log.add(f"[{moment}] ".encode() + line, at)
