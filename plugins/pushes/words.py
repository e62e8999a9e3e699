"""How a push and its builds are put into words: a grid where a message can be edited, and one line where it cannot."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bot.facts import Diagnosis, Pushed
from bot.plugin import Button, Card, Tone
from bot.wording import is_by_test, is_known, label, quoted, typed
from plugins.pushes.grid import Branch, Change, Push, Row, Stand, culprits

MAX_NAMED = 5  # rows that one line names, the newest failures first
MAX_BUTTONS = 20
MAX_WORD_BYTES = 80


def reason(diagnosis: Diagnosis) -> tuple[str, str, bool]:
    """Tell why something failed: in a word, or by the test that failed, and whether that is known trouble."""
    told = label(diagnosis)
    if is_by_test(diagnosis):
        return "", told, is_known(diagnosis)
    return told or (quoted(diagnosis.text, MAX_WORD_BYTES) if diagnosis.text else ""), "", is_known(diagnosis)


def row_words(row: Row) -> str:
    """Say how a row stands, the verdict first."""
    facts = [f"#{row.number}" if row.number else "", f"not retried: {row.not_retried}" if row.not_retried else ""]
    build = f" ({', '.join(filter(None, facts))})" if any(facts) else ""
    match row.stand:
        case Stand.FAILED | Stand.UNSTABLE:
            return f"{failure(row)}{build}"
        case Stand.PASSED if row.change is Change.FIXED:
            return f"fixed{f' (failed since #{row.since})' if row.since else ''}"
        case Stand.RETRYING:
            return f"retrying ({row.word})"
        case Stand.TOGETHER:
            return f"{row.stand} {row.word}"
        case Stand.GONE:
            return f"gone before anybody saw its result{build}"
        case Stand.RUNNING | Stand.ABORTED:
            return f"{row.stand}{build}"
        case _:
            return str(row.stand)


def failure(row: Row) -> str:
    """Say why a row failed: what is known by its name alone, anything else as new or not."""
    if row.change is Change.STILL:
        head = f"still {'failing' if row.stand is Stand.FAILED else 'unstable'} since #{row.since}"
    elif row.is_known:
        return f"{row.stand}: {row.word or row.test}"
    else:
        new = "new failure" if row.stand is Stand.FAILED else "newly unstable"
        head = new if row.change is Change.NEW else str(row.stand)
    if row.test:
        return f"{head} in {row.test}"
    return f"{head}: {row.word}" if row.word else head


def title_of(pushed: Pushed, push: Push) -> str:
    """Name a push: repository, branch, commit and who pushed."""
    at = f" {push.sha:.7}" if push.sha else ""
    return f"{pushed.repo.rpartition('/')[2]} {pushed.branch}{at}{f' by {push.who}' if push.who else ''}"


def count(push: Push) -> str:
    """Count the rows by how they stand, what failed first."""
    wanted = {
        "failed": [row for row in push.rows if row.stand is Stand.FAILED],
        "unstable": [row for row in push.rows if row.stand is Stand.UNSTABLE],
    }
    for stand in (Stand.RETRYING, Stand.RUNNING, Stand.QUEUED, Stand.WAITING):
        wanted[str(stand)] = [row for row in push.rows if row.stand is stand]
    for stand in (Stand.PASSED, Stand.ABORTED, Stand.NOT_BUILT, Stand.GONE, Stand.TOGETHER):
        wanted[str(stand)] = [row for row in push.rows if row.stand is stand]
    together = next((f" {row.word}" for row in push.rows if row.stand is Stand.TOGETHER), "")
    told = [f"{len(rows)} {name}" for name, rows in wanted.items() if rows]
    if push.rows and all(row.stand is Stand.PASSED for row in push.rows):
        return f"all {len(push.rows)} passed" if len(push.rows) > 1 else "passed"
    return ", ".join(told).replace(str(Stand.TOGETHER), f"{Stand.TOGETHER}{together}")


def ranges(branch: Branch, push: Push) -> list[str]:
    """Say since which commit that passed each row has failed, and who pushed in between; those of one range once."""
    named: dict[str, list[Row]] = {}
    for row in push.rows:
        if row.is_bad and not row.is_known and row.green and push.sha and row.green != push.sha:
            named.setdefault(row.green, []).append(row)
    bad = [row for row in push.rows if row.is_bad and not row.is_known]
    told = []
    for green, rows in named.items():
        number, who = culprits(branch, green, push.sha)
        pushes = f"{number} push{'' if number == 1 else 'es'}"
        by = f" ({pushes}{f' by {listed(who)}' if who else ''})" if number else ""
        which = "" if len(rows) == len(bad) else f"{listed([row.name for row in rows])} "
        told.append(f"{which}since {green:.7}..{push.sha:.7}{by}")
    return told


def pushers(branch: Branch, push: Push) -> tuple[str, ...]:
    """Name those who pushed between the last build that passed and this, of what newly fails."""
    named = (culprits(branch, row.green, push.sha)[1] for row in push.rows if row.is_new)
    return tuple(dict.fromkeys(who for names in named for who in names))


def for_pushers(pushed: Pushed, push: Push) -> Card:
    """Call those who pushed to what newly fails; where there are threads, under the grid of the push."""
    new = [row.name for row in push.rows if row.is_new]
    told = f"{title_of(pushed, push)} has a new failure since you pushed: {listed(new)}"
    return Card(told, tone=Tone.BAD, slot=slot(pushed, push), follows=True)


def slot(pushed: Pushed, push: Push) -> str:
    """Name what the grid of a push is the state of."""
    return f"push {pushed} {push.slot}"


def buttons(pushed: Pushed, push: Push) -> tuple[Button, ...]:
    """Offer to build again what failed, and to hear nothing of the branch's builds for a while."""
    bad = [row for row in worst_first(push.rows) if row.number][:MAX_BUTTONS]
    again = (Button(f"Rebuild {row.name}", command(row)) for row in bad)
    return (*again, Button("Mute for 1h", f"mute {pushed.repo} 1h", is_own=True)) if bad else ()


def listed(names: Sequence[str]) -> str:
    """Name as many as fit."""
    more = len(names) - MAX_NAMED
    return ", ".join([*names[:MAX_NAMED], *([f"and {more} more"] if more > 0 else [])])


def worst_first(rows: Iterable[Row]) -> list[Row]:
    """Order what failed: what is new first, then what failed before, then known trouble."""
    return sorted((row for row in rows if row.is_bad), key=lambda row: (not row.is_new, row.is_known))


def command(row: Row) -> str:
    """Tell the command that builds a row again."""
    return f"rebuild {typed(f'{row.job}#{row.number}')} {typed(row.cell)}".rstrip()


def outcome(push: Push) -> str:
    """Tell in a few words how all of a push ended, to see whether it is the same as before."""
    return "; ".join(f"{row.name} {row.stand} {row.change} {row.word}{row.test}" for row in push.rows)


def in_short(pushed: Pushed, branch: Branch, push: Push) -> str:
    """Say in one line what failed, since when, and how to build it again; what is fixed, where something is."""
    bad, title = worst_first(push.rows), title_of(pushed, push)
    told = [f"{row.name} {row_words(row)}" for row in bad]
    fixed = [row.name for row in push.rows if row.stand is Stand.PASSED and row.change is Change.FIXED]
    parts = [f"{title}: {bad_count(push)}{'; '.join(told[:MAX_NAMED])}" if bad else f"{title}: {count(push)}"]
    if len(told) > MAX_NAMED:
        parts.append(f"and {len(told) - MAX_NAMED} more")
    if fixed:
        parts.append(f"fixed: {listed(fixed)}")
    if bad:
        parts += ranges(branch, push)
    if still := [row for row in push.rows if row.is_open]:
        parts.append(f"{len(still)} not over yet")
    if buildable := [row for row in bad if row.number]:
        parts.append(f"to build one again: {command(buildable[0])}")
    return "; ".join(parts)


def bad_count(push: Push) -> str:
    """Count what failed, where there is more than that."""
    bad = sum(row.is_bad for row in push.rows)
    return f"{bad} of {len(push.rows)} failed: " if len(push.rows) > 1 else ""


def card(pushed: Pushed, branch: Branch, push: Push, *, is_step: bool) -> Card:
    """Say how a push stands: a row for each job and cell, and a button for each that failed."""
    bad = [row for row in worst_first(push.rows) if row.number]
    tone = Tone.BAD if any(row.is_bad for row in push.rows) else Tone.PLAIN
    if push.rows and all(row.stand is Stand.PASSED for row in push.rows):
        tone = Tone.GOOD
    return Card(
        f"{title_of(pushed, push)}: {count(push) or 'nothing is built yet'}",
        (*(f"{row.name}: {row_words(row)}" for row in push.rows), *ranges(branch, push)),
        buttons=buttons(pushed, push),
        url=bad[0].url if bad else "",
        tone=tone,
        slot=slot(pushed, push),
        is_step=is_step,
        brief=" ".join(filter(None, (in_short(pushed, branch, push), bad[0].url if bad else ""))),
    )


def given_up(push: Push) -> Push:
    """Say of a push without news for a day what became of what never came."""
    ends = {Stand.WAITING: Stand.NOT_BUILT, Stand.QUEUED: Stand.NOT_BUILT}
    rows = (replace(row, stand=ends.get(row.stand, Stand.GONE)) if row.is_open else row for row in push.rows)
    return replace(push, rows=tuple(rows))
