"""What is remembered of an open pull request: what is left to build of it, and what was told."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from bot.values import Pull, Status, StatusState
from plugins.pr_builds.gates import is_ours

MAX_COMMITS = 50  # of one pull request that are built; those above have the newest of them built
MAX_CHECKED = 3  # heads and bases of which it is kept how a check went
FIRST_S, AT_MOST_S = 2.0, 60.0  # before it is looked again: doubles from the one to the other
PATIENCE_S = 600.0  # with a forge that does not tell whether a pull request can be merged
LOST_S = 300.0  # so late, what should have led to another look became a dead letter


@dataclass(slots=True)
class Memory:
    """One pull request, kept as JSON.

    Arguments:
        round: why it is built: the event that began it. What is built again has another one.
        head, base, draft: as they were at the last look.
        after_base: the round began as it got another base, so that what was built before says nothing.
        is_again: the round began at the same commits, so that what has passed of them is not built again.
        left: by context, the commits that are still to be started; empty where all is done, none before it is known.
        commits: those that it has, oldest first, where a rule asks for them.
        skipped: by context, why it need not be built; empty if it is to be.
        said: by context, the state and words of the last status that was set here.
        checks: by name, how it went of late: each the head and base, whether it passed, and words.
        wanted: the head at which checks were asked for that nobody had told.
        author_id: whose it is, while all that it waits for is room for its builds; else 0.
        tries, due_s: of looking again: how often, and when next; 0 for not at all.
        since_s: when the forge was first asked whether it can be merged and did not know; 0 while it does.
    """

    round: str
    head: str = ""
    base: str = ""
    draft: bool = False
    after_base: bool = False
    is_again: bool = False
    left: dict[str, list[str]] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    said: dict[str, list[str]] = field(default_factory=dict)
    checks: dict[str, list[list[Any]]] = field(default_factory=dict)
    wanted: str = ""
    author_id: int = 0
    tries: int = 0
    since_s: float = 0.0
    due_s: float = 0.0

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None, event_key: str) -> Self:
        """Read what is kept; what an earlier version has kept besides is left out."""
        known = {one.name for one in fields(cls)}
        return cls(**{"round": event_key} | {name: value for name, value in (kept or {}).items() if name in known})

    def kept(self) -> dict[str, Any]:
        """Tell what to keep."""
        return asdict(self)

    def take(self, pull: Pull, event_key: str, *, is_again: bool) -> str:
        """Take in how a pull request stands; tell why what is under way is superseded, empty if nothing is.

        Arguments:
            is_again: it was opened again, or made ready: what has not passed is built once more.
        """
        is_other, is_rebased = pull.head != self.head, bool(self.base) and pull.base != self.base
        became_draft = pull.draft and not self.draft and bool(self.head)
        if is_other or is_rebased or is_again:
            if self.head:
                self.round = event_key
            self.left, self.skipped = {}, {}
            is_known = is_again and not self.head  # it was forgotten when it was closed
            self.after_base, self.is_again = is_rebased, is_known or not (is_other or is_rebased)
        if is_other or is_rebased:
            self.said = {}  # of another head; or builds for the former base have told how they went in its place
        if is_other:
            self.commits = []
        self.head, self.base, self.draft = pull.head, pull.base, pull.draft
        if is_rebased:
            return f"the base is {pull.base} by now"
        return "it is a draft again" if became_draft else ""

    def is_done(self, context: str) -> bool:
        """Tell whether nothing of a context is left to start."""
        return self.left.get(context) == []

    def keep(self, context_mode: str) -> Collection[str]:
        """Tell at which commits builds go on."""
        return [self.head] if context_mode == "last" else [self.head, *self.commits]

    def checked(self, check: str, sha: str, base: str, passed: bool, words: str) -> None:
        """Note how a check went."""
        at = f"{sha} {base}"
        others = [one for one in self.checks.get(check, ()) if one[0] != at]
        self.checks[check] = [*others, [at, passed, words]][-MAX_CHECKED:]

    def check(self, check: str) -> tuple[bool, str] | None:
        """Tell how a check went at the head and for the base; None if it has not been made there."""
        at = f"{self.head} {self.base}"
        return next(((one[1], one[2]) for one in self.checks.get(check, ()) if one[0] == at), None)

    def may_say(self, context: str, there: Status | None) -> bool:
        """Tell whether a status at the forge may be overwritten: none, ours, or one of a build with another base.

        Ours are known by their words, as what is remembered goes when a pull request is closed.
        """
        if there is None or self.after_base or is_ours(there.description):
            return True
        return self.has_said(context, there.state, there.description)

    def has_said(self, context: str, state: StatusState, words: str) -> bool:
        """Tell whether this is what was told of a context last."""
        return self.said.get(context) == [str(state), words]

    def woken(self, due_s: float | None, now_s: float) -> None:
        """Take in that it is looked at: at the time that was set, or, without one, as something has happened."""
        if due_s is None:
            self.tries, self.since_s = 0, 0.0
        if due_s == self.due_s or now_s > self.due_s + LOST_S:
            self.due_s = 0.0

    def again_in_s(self, now_s: float) -> float:
        """Tell after how long to look again, and note it; 0 if that is to come already."""
        if self.due_s:
            return 0.0
        delay_s: float = min(FIRST_S * 2**self.tries, AT_MOST_S)
        self.tries += 1
        self.due_s = now_s + delay_s
        return delay_s

    def is_patient(self, mergeable: bool | None, now_s: float) -> bool:
        """Take in whether a pull request can be merged; tell whether the forge may be asked for that again.

        It begins to work it out when it is asked, so that the time before that does not count.
        """
        self.since_s = 0.0 if mergeable is not None else self.since_s or now_s
        return mergeable is not None or now_s - self.since_s < PATIENCE_S


def newest(shas: Sequence[str], head: str) -> list[str]:
    """Choose the commits that are built, oldest first; only the head where the list does not come to it.

    GitHub lists 250 of a pull request, the oldest; of more it does not tell the newest.
    """
    return list(shas[-MAX_COMMITS:]) if head in shas else [head]
