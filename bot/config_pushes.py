"""What `[repos.NAME.pushes.BRANCH]` may hold: jobs that are there, each of one branch only."""

import re

from bot.config_values import not_there
from bot.settings import GordonSettings
from bot.toml_file import Findings, show, table_name

# What git refuses in the name of a branch [git-check-ref-format], and what no line of chat could hold.
BRANCH = re.compile(r"(?!-)(?!/)(?!.*(\.\.|//|@\{|/\.))(?!\.)[^\s\x00-\x1f\x7f~^:?*\[\\]{1,200}(?<![./])(?<!\.lock)")
MAX_JOBS = 50  # a message about a push has a row for each, and for each cell


def check_pushes(settings: GordonSettings, findings: Findings) -> None:
    """See that the jobs of each branch are there, and that each job is of one branch only."""
    owners: dict[tuple[str, str], tuple[str, str]] = {}
    for repo, own in settings.repos.items():
        for branch, push in own.pushes.items():
            at = ("repos", repo, "pushes", branch)
            if not BRANCH.fullmatch(branch):
                findings.say(at, f"{table_name(at)}: {show(branch)} cannot be the name of a branch")
            if not 0 < len(push.jobs) <= MAX_JOBS:
                findings.about((*at, "jobs"), f"must name 1 to {MAX_JOBS} of [jobs], has {len(push.jobs)}")
            for index, name in enumerate(push.jobs):
                here = (*at, "jobs", index)
                known = settings.jobs.get(name)
                if known is None:
                    findings.about(here, not_there(name, settings.jobs, "[jobs]"))
                    continue
                owner = owners.setdefault((known.jenkins, known.job.casefold()), (f"{repo} {branch}", name))
                if owner != (f"{repo} {branch}", name) or name in push.jobs[:index]:
                    findings.about(here, f"has {show(name)}, whose job builds {owner[0]} already, as {show(owner[1])}")
