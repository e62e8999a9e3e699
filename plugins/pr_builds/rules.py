"""`[plugin.pr_builds]`: which pull requests are built by themselves, in which contexts, and by which rules."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from bot.plugin import Paths, Settings, UserError, nearest
from bot.values import ChangedFile

MODES = ("last", "new", "all")
MAX_BUILDS = 10_000
MAX_FILES = 3000  # GitHub lists no more of a pull request, so that nobody can tell what else it changes
# What leeroy took for each of these, with the slash that it forgot: docsomething.go is code.
PRESETS: Mapping[str, tuple[str, ...]] = {
    "@docs": ("/docs/",),
    "@non-code": (
        "/docs/",
        "/man/**/*.md",
        "/man/**/*.txt",
        "/experimental/",
        "/contrib/completion/",
        "/contrib/desktop-integration/",
        "/contrib/mkimage/",
        "/contrib/mkimage[-.]*",
    ),
    "@vendor": ("/vendor/", "/hack/vendor.sh", "/hack/.vendor-helper.sh"),
}
CALLED = {"@docs": "docs", "@non-code": "docs and the like", "@vendor": "what is vendored"}


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for one context; each field is a key of the tables of a repository and of its contexts.

    Arguments:
        draft: drafts are built, too.
        mergeable: only what can be merged is built.
        needs: checks of other plugins that the head must have passed.
        build_commits: "last", the head; "new", each commit without a success; "all", each commit at each push.
        cancel: what a push, closing or making a draft has superseded is cancelled.
        start: a job that builds by itself, as multibranch projects do, is started all the same.
        only_if: it is built only if one of the changed files is among these.
        skip_if_only: it is not built if all of them are among these.
    """

    draft: bool = False
    mergeable: bool = True
    needs: tuple[str, ...] = ()
    build_commits: str = "last"
    cancel: bool = True
    start: bool = False
    only_if: tuple[str, ...] = ()
    skip_if_only: tuple[str, ...] = ()
    _only_if: Paths = field(init=False, repr=False, compare=False)
    _skip_if_only: Paths = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_only_if", paths(self.only_if))
        object.__setattr__(self, "_skip_if_only", paths(self.skip_if_only))

    @property
    def wants_files(self) -> bool:
        """Tell whether it takes the changed files to know if a context is built."""
        return bool(self.only_if or self.skip_if_only)

    def skipped(self, files: Sequence[ChangedFile]) -> str:
        """Say why the context need not be built for what is changed; empty if it is to be.

        No files, or as many as are listed at most, are code: nobody knows what is behind them.
        """
        if not files or len(files) >= MAX_FILES:
            return ""
        if self.only_if and not self._only_if.of(files):
            return f"skipped, no change of {_called(self.only_if, 'the files that it is for')}"
        if self.skip_if_only and self._skip_if_only.have_all(files):
            return f"skipped, only {_called(self.skip_if_only, 'files that it leaves out')} changed"
        return ""


KEYS = tuple(one.name for one in fields(Rule) if one.init)


class ContextRules(Settings, frozen=True):
    """`[plugin.pr_builds.repo."OWNER/NAME".context.CONTEXT]`: what differs for one context."""

    draft: bool | None = None
    mergeable: bool | None = None
    needs: tuple[str, ...] | None = None
    build_commits: str | None = None
    cancel: bool | None = None
    start: bool | None = None
    only_if: tuple[str, ...] | None = None
    skip_if_only: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check(self)


class RepoRules(Settings, frozen=True):
    """`[plugin.pr_builds.repo."OWNER/NAME"]`: what holds for the contexts of a repository."""

    contexts: tuple[str, ...] = ()  # the only ones that are built by themselves; empty: all
    draft: bool = False
    mergeable: bool = True
    needs: tuple[str, ...] = ()
    build_commits: str = "last"
    cancel: bool = True
    start: bool = False
    only_if: tuple[str, ...] = ()
    skip_if_only: tuple[str, ...] = ()
    context: dict[str, ContextRules] = {}  # noqa: RUF012  each Settings gets its own

    def __post_init__(self) -> None:
        check(self)
        if left_out := [name for name in self.context if self.contexts and name not in self.contexts]:
            raise ValueError(f"has a table context.{left_out[0]}, which is not in its contexts")

    def of(self, configured: Mapping[str, bool]) -> Mapping[str, Rule]:
        """Tell what holds for each context that is to be built.

        Arguments:
            configured: the contexts of the repository; true for those that build by themselves.
        """
        named = {name: self.rule(name) for name in configured if not self.contexts or name in self.contexts}
        return {name: rule for name, rule in named.items() if rule.start or not configured[name]}

    def rule(self, context: str) -> Rule:
        """Tell what holds for a context."""
        given: dict[str, Any] = {key: getattr(self, key) for key in KEYS}
        if own := self.context.get(context):
            given |= {key: value for key in KEYS if (value := getattr(own, key)) is not None}
        return Rule(**given)


class PrBuildsSettings(Settings, frozen=True):
    """The whole of it."""

    per_author: int = 20  # builds of pull requests under way before nobody's asking starts another of theirs
    per_repo: int = 200
    repo: dict[str, RepoRules] = {}  # noqa: RUF012  each Settings gets its own

    def __post_init__(self) -> None:
        for key in ("per_author", "per_repo"):
            if not 1 <= getattr(self, key) <= MAX_BUILDS:
                raise ValueError(f"{key} must be 1 to {MAX_BUILDS}, is {getattr(self, key)}")

    def builds(self, repo: str) -> bool:
        """Tell whether the pull requests of a repository are built without anybody's asking."""
        return repo in self.repo


def check(settings: ContextRules | RepoRules) -> None:
    """See that each key has a value that it may have.

    Raises:
        ValueError: one has not, and what it may be.
    """
    if settings.build_commits is not None and settings.build_commits not in MODES:
        raise ValueError(f'build_commits is "{settings.build_commits}"; {nearest(settings.build_commits, MODES)}')
    for key in ("only_if", "skip_if_only"):
        try:
            paths(getattr(settings, key) or ())
        except UserError as error:
            raise ValueError(f"{key}: {error}") from error


def paths(patterns: Iterable[str]) -> Paths:
    """Read patterns of paths, among them names of sets as "@docs".

    Raises:
        UserError: one of them is none.
    """
    found: list[str] = []
    for pattern in patterns:
        if pattern.startswith("@") and pattern not in PRESETS:
            raise UserError(f'"{pattern}" is no set of paths; {nearest(pattern, PRESETS)}')
        found += PRESETS.get(pattern, (pattern,))
    return Paths(tuple(found))


def _called(patterns: Sequence[str], otherwise: str) -> str:
    """Say in a few words what a list of patterns is about."""
    named = [CALLED[pattern] for pattern in patterns if pattern in CALLED]
    return " and ".join(named) if len(named) == len(patterns) else otherwise
