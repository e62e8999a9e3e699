"""Several ends as one message: each cause once, in one line of chat that is cut where it loses least."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.facts import Diagnosis, FailureClass, Kind
from bot.plugin import Blank, Button, Card, Form, Tone
from bot.values import Result
from bot.wording import cut, listed, name, plain, typed
from plugins.failures.ended import Ended
from plugins.failures.strategies import Infra
from plugins.failures.words import doubts, last_word, novelty, phrase, quote, verdict

ROOM_BYTES = 400  # of a line of IRC are left for words on any network
LEAST_BYTES = 200  # hold a verdict, a build and a link; whoever addresses very many people takes more than one line
MAX_LINES = 24  # that a card quotes
MAX_LINES_OF_ONE = 9  # failure: its telling line and what is next to it; `log` shows more
BEFORE = 1 / 4  # of those stand above the telling one
MAX_LINE_BYTES = 300
MAX_NAMED = 8  # of builds with one cause, where there is no room for more
BAD_FIRST = (Result.FAILURE, Result.UNSTABLE, None, Result.NOT_BUILT, Result.ABORTED, Result.SUCCESS)
# Of an aborted build the log may tell that nobody has aborted it.
NOT_BY_HAND = (Kind.TIMEOUT, Kind.AGENT_LOST, Kind.KNOWN_INFRA)
FIXED = "fixed"
CLASSES = tuple(one.value for one in FailureClass if one not in (FailureClass.SUCCESS, FailureClass.ABORTED))
MAX_EXPRESSION_CHARS = 150  # of a telling line, which is long enough to be found by
SPECIAL = re.compile(r"[\\.^$*+?{}\[\]|()]")


@dataclass(frozen=True, slots=True)
class Detail:
    """How much is told of each build, from all of it to the least.

    Arguments:
        quote_bytes: of the telling line of each cause.
        links: for how many causes.
        rest: whether those that did not fail are named, or merely counted.
    """

    quote_bytes: int
    max_cells: int
    links: int
    with_times: bool
    rest: bool


DETAILS = (
    Detail(160, 5, 100, with_times=True, rest=True),
    Detail(80, 5, 100, with_times=True, rest=True),
    Detail(60, 3, 3, with_times=True, rest=True),
    Detail(60, 3, 1, with_times=False, rest=False),
    Detail(30, 0, 1, with_times=False, rest=False),
    Detail(0, 0, 1, with_times=False, rest=False),
)


@dataclass(frozen=True, slots=True)
class Group:
    """Builds of one commit that are told together, as one cause explains them.

    Arguments:
        head: the verdict; empty for those that need none.
    """

    head: str
    builds: tuple[Ended, ...]

    @property
    def first(self) -> Ended:
        return self.builds[0]

    @property
    def link(self) -> str:
        """Where to look: at the lines of the log, else at the build."""
        return self.first.diagnosis.link or self.first.url if self.first.result is not Result.SUCCESS else ""


def has_verdict(build: Ended) -> bool:
    """Tell whether it is told why a build ended as it did."""
    if build.result is Result.ABORTED:
        return bool(build.number) and build.diagnosis.kind in NOT_BY_HAND
    return build.is_bad


def groups(ended: Sequence[Ended]) -> list[Group]:
    """Put builds of one commit together by what explains them, the worse ones first."""
    found: dict[tuple[str, str], list[Ended]] = {}
    for build in ended:
        if has_verdict(build):
            same = build.diagnosis.same or verdict(build.diagnosis, build.node)
            found.setdefault((same, ""), []).append(build)
        else:
            found.setdefault(("", FIXED if build.is_fix else ""), []).append(build)
    told = [Group(_head(builds) if key else fixed, tuple(builds)) for (key, fixed), builds in found.items()]
    return sorted(told, key=lambda group: (not group.head, group.head == FIXED))


def _head(builds: Sequence[Ended]) -> str:
    """Say the verdict on builds that have one cause; an agent is named if it is that of all of them."""
    nodes = {build.node for build in builds}
    return verdict(builds[0].diagnosis, builds[0].node if len(nodes) == 1 else "")


def ordered(ended: Sequence[Ended]) -> list[Ended]:
    """Put bad ends first, then go by name."""
    return sorted(ended, key=lambda build: (BAD_FIRST.index(build.result), build.name, build.number))


def room_for(to: str) -> int:
    """Tell how many bytes are left for words in one line that is addressed."""
    return max(LEAST_BYTES, ROOM_BYTES - len(f"{to}: ".encode())) if to else ROOM_BYTES


def line(title: str, ended: Sequence[Ended], room: int = ROOM_BYTES) -> str:
    """Say how builds ended in one line of at most so many bytes: the verdicts, the builds and a link are in it.

    Arguments:
        title: the pull request; empty for builds of a job.
    """
    for detail in DETAILS:
        text = _told(title, ended, detail)
        if len(text.encode()) <= room:
            return text
    link = _told_link(ended)
    return cut(text.removesuffix(link).rstrip(), room - len(link.encode())) + link


def _told_link(ended: Sequence[Ended]) -> str:
    found = [group.link for group in groups(ordered(ended)) if group.link]
    return f" {found[0]}" if found else ""


def _told(title: str, ended: Sequence[Ended], detail: Detail) -> str:
    return "; ".join(_parts(title, ended, detail))


def _parts(title: str, ended: Sequence[Ended], detail: Detail) -> list[str]:
    in_order, parts, links = ordered(ended), [], detail.links
    for sha in dict.fromkeys(build.sha for build in in_order):
        at = f"{title} at {sha:.7}" if title and sha else title
        of_sha = groups([build for build in in_order if build.sha == sha])
        for number, group in enumerate(of_sha):
            place = at if number == 0 else ""
            parts.append(": ".join(filter(None, (group.head, place, _of_group(group, detail, with_link=links > 0)))))
            links -= bool(group.link)
    return parts


def _of_group(group: Group, detail: Detail, *, with_link: bool) -> str:
    if not group.head:
        return _rest(group, detail, with_link=with_link)
    first = group.first
    told = "; ".join(phrase(build, detail.max_cells, with_times=detail.with_times) for build in group.builds)
    if len(group.builds) > 1 and not detail.with_times and group.head != FIXED:
        told = f"{named(group.builds)} failed"
    if group.head == FIXED:
        return told
    why = quote(first.diagnosis, detail.quote_bytes) + novelty(first.diagnosis) + doubts(first.diagnosis)
    return f"{told}{why}{last_word(group.builds)}" + (f" {group.link}" if with_link and group.link else "")


def named(builds: Sequence[Ended]) -> str:
    """Name builds, as many as one reads."""
    return listed([f"{build.name} #{build.number}" for build in builds], MAX_NAMED)


def _rest(group: Group, detail: Detail, *, with_link: bool) -> str:
    """Say how those ended that need no verdict; a single one is always named."""
    if not detail.rest and len(group.builds) > 1:
        passed = sum(build.result is Result.SUCCESS for build in group.builds)
        counts = {"passed": passed, "did not run to their end": len(group.builds) - passed}
        return ", ".join(f"{number} {what}" for what, number in counts.items() if number)
    told = []
    for build in group.builds:
        is_linked = with_link and build.url and build.number and build.result in (Result.NOT_BUILT, None)
        told.append(phrase(build, with_times=detail.with_times) + (f" {build.url}" if is_linked else ""))
    return "; ".join(told)


def tone(ended: Sequence[Ended]) -> Tone:
    """Tell whether this is good news or bad; what was stopped or never ran is neither."""
    results = {build.result for build in ended}
    if results & {Result.FAILURE, Result.UNSTABLE}:
        return Tone.BAD
    return Tone.GOOD if results == {Result.SUCCESS} else Tone.PLAIN


def mark(title: str, ended: Sequence[Ended]) -> str:
    """Say in a few words that only known infrastructure trouble was the matter; empty if anything else was.

    What did not fail is told, too: somebody may have asked for it.
    """
    bad = [build for build in ordered(ended) if has_verdict(build)]
    if not bad or any(build.diagnosis.kind is not Kind.KNOWN_INFRA for build in bad):
        return ""
    causes = list(dict.fromkeys(name(build.diagnosis.cause) for build in bad))
    builds = ", ".join(f"{build.name} #{build.number}" for build in bad)
    others = [phrase(build) for build in ordered(ended) if build not in bad]
    return "; ".join([f"{', '.join(causes)}: {f'{title} ' if title else ''}{builds}", *others])


def card(title: str, ended: Sequence[Ended], infra: Infra, room: int = ROOM_BYTES) -> Card:
    """Make the message of how builds ended, for any network.

    Arguments:
        infra: whether known infrastructure trouble, where it alone was the matter, is told as a short mark.
    """
    if infra is Infra.MARK and (short := mark(title, ended)):
        return Card(cut(short, room), tone=tone(ended))
    brief = line(title, ended, room)
    bad = [group for group in groups(ordered(ended)) if group.head and group.head != FIXED]
    if not bad:
        return Card(brief, tone=tone(ended))
    first, *others = _parts(title, ended, Detail(0, 5, 100, with_times=True, rest=True))
    node = bad[0].first.node
    return Card(
        first.removesuffix(f" {bad[0].link}"),
        tuple(others),
        quote="\n".join(quoted_lines(bad)),
        fields={"node": node} if node else {},
        buttons=buttons(bad),
        url=bad[0].link,
        tone=tone(ended),
        brief=brief,
    )


def quoted_lines(bad: Sequence[Group]) -> list[str]:
    """List what is quoted of the logs, of each cause the lines next to the telling one, the first cause first."""
    at_most = max(1, min(MAX_LINES_OF_ONE, MAX_LINES // len(bad)))
    found: list[str] = []
    for group in bad:
        said = group.first.diagnosis
        lines = [(number, text) for number, text in enumerate(said.quoted, said.first_quoted) if text.strip()]
        above = sum(number < (said.line or 0) for number, _ in lines)
        begin = max(0, min(above - int(at_most * BEFORE), len(lines) - at_most))
        found += [
            f"{group.first.name} {number}: {cut(plain(text), MAX_LINE_BYTES)}"
            for number, text in lines[begin : begin + at_most]
        ]
    return found[:MAX_LINES]


def buttons(bad: Sequence[Group]) -> tuple[Button, ...]:
    """Offer what people do about a failure."""
    first = bad[0].first
    build = typed(f"{first.job}#{first.number}")
    is_known = first.diagnosis.kind is Kind.KNOWN_INFRA
    known = [] if is_known else [Button("Known flake...", f"why {build}", known_form(first.diagnosis))]
    again = ("Rebuild failed", f"rebuild {first.pull} failed") if first.pull else ("Rebuild", f"rebuild {build}")
    quiet = Button("Mute for 1h", f"mute {first.pull or typed(first.job)} 1h", is_own=True)
    return (Button(*again), Button("Show log", f"log {build}"), *known, quiet)


def known_form(said: Diagnosis) -> Form:
    """Ask what a failure is to be known by from now on; its telling line is what an expression may begin from."""
    line = SPECIAL.sub(r"\\\g<0>", plain(said.text)[:MAX_EXPRESSION_CHARS].strip())
    blanks = (
        Blank("id", "Name", hint="a word for this cause, as clock-skew", is_needed=True),
        Blank("class", "What fails", choices=CLASSES, initial=said.failure_class.value, is_needed=True),
        Blank("retry", "Try again by itself", choices=("true", "false", "unknown"), initial="unknown", is_needed=True),
        Blank(
            "regex",
            "Expression",
            hint="what the line of a log must have in it",
            initial=line,
            is_needed=True,
            is_rest=True,
        ),
    )
    return Form("Known flake", "known add", blanks)
