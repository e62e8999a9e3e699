"""The one comment on a pull request that lists what failed at its head; nothing of a log gets out of its fences."""

import re
from collections.abc import Mapping, Sequence

from bot.facts import Fact
from bot.plugin import lasting
from bot.values import Result
from bot.wording import plain
from plugins.failures.words import doubts, novelty, verdict

MARKER = "failures"
MAX_CONTEXTS = 20
MAX_CELLS = 8
MAX_BYTES = 60_000  # GitHub takes 65,536 characters, and the marker is one of them


def remark(facts: Sequence[Fact], retries: Mapping[str, str]) -> str:
    """Write the comment; empty when there is nothing to say.

    Arguments:
        facts: the newest build of each context at the head, each followed by its cells.
        retries: by the request id of builds that are tried again, what is shown beside them.
    """
    builds = [fact for fact in facts if not fact.cell]
    bad = [fact for fact in builds if fact.is_bad and fact.request_id not in retries]
    if not bad:
        return ""
    waiting = [fact for fact in builds if fact.request_id in retries]
    parts = [f"**{len(bad)} of {len(builds)} contexts failed at {bad[0].sha:.7}**"]
    for fact in bad[:MAX_CONTEXTS]:
        cells = [cell for cell in facts if cell.cell and cell.request_id == fact.request_id and cell.is_bad]
        parts.append(_of_context(fact, cells))
    if len(bad) > MAX_CONTEXTS:
        parts.append(f"...and {len(bad) - MAX_CONTEXTS} more.")
    for fact in waiting:
        parts.append(f"{code(fact.context)} is being tried again ({code(retries[fact.request_id])}).")
    return _fitting(parts)


def _fitting(parts: Sequence[str]) -> str:
    """Leave out the last contexts where all of them would be too long."""
    text = ""
    for number, part in enumerate(parts):
        longer = f"{text}\n\n{part}" if text else part
        if len(longer.encode()) > MAX_BYTES:
            return f"{text}\n\n...and {len(parts) - number} more."
        text = longer
    return text


def _of_context(fact: Fact, cells: Sequence[Fact]) -> str:
    said = fact.diagnosis
    how = "is unstable" if fact.result is Result.UNSTABLE else "failed"
    build = f"{plain(fact.context).replace('`', chr(39))} #{fact.build.number}"
    head = f"### {link(build, fact.url)} {how}: {code(verdict(said, fact.node))}"
    node = f" on {code(fact.node)}" if fact.node else ""
    shown = link(f"line {said.line}", said.link) if said.line and said.link else ""
    facts = f"After {lasting(fact.duration_s)}{node}{novelty(said)}{code_if(doubts(said))}" + (shown and f"; {shown}")
    listed = "".join(f"\n- {code(cell.cell)}: {code(verdict(cell.diagnosis, cell.node))}" for cell in cells[:MAX_CELLS])
    more = f"\n- and {len(cells) - MAX_CELLS} more" if len(cells) > MAX_CELLS else ""
    lines = [plain(line) for line in said.quoted] or ([plain(said.text)] if said.text else [])
    return "\n\n".join(filter(None, [head, facts, (listed + more).strip(), fenced(lines) if lines else ""]))


def fenced(lines: Sequence[str]) -> str:
    """Put lines into a fence that is longer than any row of backticks in them, so that none of them ends it."""
    longest = max((len(found) for line in lines for found in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}text", *lines, fence])


def code(text: str) -> str:
    """Put words into code, where no name in them calls anybody and no number is a link."""
    return f"`{plain(text).replace('`', chr(39))}`" if plain(text) else ""


def code_if(text: str) -> str:
    return f" {code(text)}" if text else ""


def link(text: str, url: str) -> str:
    """Make a link, unless the address could end it early."""
    is_safe = re.fullmatch(r"https?://[^\s()<>\[\]`]+", url)
    return f"[`{text}`]({url})" if is_safe else f"`{text}`"
