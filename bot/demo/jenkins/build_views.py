"""What a Jenkins stand-in shows of a build besides its state: causes, changes and what plugins note."""

from collections.abc import Sequence

from bot.demo.jenkins.causes import Cause
from bot.demo.jenkins.checkouts import Checkout, build_data, change_sets
from bot.demo.jenkins.model import Build
from bot.demo.jenkins.parameters import parameter_actions
from bot.demo.jenkins.report_views import report_action
from bot.demo.jenkins.tree import Bean, Shown, bean


def causes_action(causes: Sequence[Cause]) -> Bean:
    """Show why something was asked for."""
    return bean("hudson.model.CauseAction", always={"causes": [cause.bean() for cause in causes]})


def actions(build: Build, now_s: float) -> list[Shown]:
    """Show what core and plugins have added; some export nothing, and a plugin that is gone leaves a null."""
    shown: list[Shown] = [causes_action(build.causes), *parameter_actions(build.job, build.parameters)]
    shown.append(bean("", plain={}))
    if build.plan.odd_actions:
        shown += [None, bean("org.example.Unknown", plain={"number": 1})]
    shown += [build_data(checkout, build.number) for checkout in _done(build, now_s)]
    shown += report_action(build, now_s)
    shown += _interruption(build)
    shown += build.actions
    return shown


def _interruption(build: Build) -> list[Bean]:
    if not build.stopped_by:
        return []
    kind = "jenkins.model.CauseOfInterruption$UserInterruption"
    causes = [bean(kind, always={"shortDescription": f"Aborted by {name}"}) for name in build.stopped_by]
    return [bean("jenkins.model.InterruptedBuildAction", always={"causes": causes})]


def _done(build: Build, now_s: float) -> list[Checkout]:
    """List the checkouts that it has got to."""
    return [each for each in build.plan.checkouts if build.started_s + each.at_s <= now_s]


def changes(build: Build, now_s: float) -> dict[str, Shown]:
    """Show the changes, and where it ran: a Pipeline has a list of the first and nothing of the second."""
    sets = change_sets(_done(build, now_s))
    if build.is_pipeline:
        return {"changeSets": sets}
    empty = bean("hudson.scm.EmptyChangeLogSet", near={"items": [], "kind": None})
    return {"builtOn": build.node, "changeSet": sets[0] if sets else empty}


def culprits(build: Build, root: str, now_s: float) -> list[Bean]:
    """Show the authors of all changes since the last success."""
    names: dict[str, None] = {}
    for each in reversed(build.job.builds.values()):
        if each.number > build.number:
            continue
        if each is not build and each.result(now_s) == "SUCCESS":
            break
        names |= {change.author: None for checkout in _done(each, now_s) for change in checkout.changes}
    return [bean("", always={"absoluteUrl": f"{root}user/{name}", "fullName": name}) for name in names]


def artifacts(build: Build) -> list[Bean]:
    """Show the files that were kept."""
    return [
        bean("", always={"displayPath": path, "fileName": path.rpartition("/")[2], "relativePath": path})
        for path in build.plan.artifacts
    ]
