"""The grammar of commands: one usage line is the parser, the help and the row in the README.

    rebuild <pull> [<context>...] [again]
    node <node> offline <reason>...

Bare words are the command's name; they may stand behind arguments that must be given. `<x>` must be given, `[<x>]` may
be, `...` takes all that is left, a bare word in brackets is a flag. What `<pull>`, `<job>`, `<build>` or alternatives
of them like `<pull|build>` mean is read here, and so are `<node>`, an agent, `<what>`, anything that notices are about,
and `<pattern>`, a regular expression; any other name is a plain word. `<K=V>` is a name and a value. `<regex>...` is
all that is left, as it was typed: blanks, backslashes and quotation marks stay; what stands before it are words without
quotation marks.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher, get_close_matches
from typing import Any
from urllib.parse import urlsplit

from bot.errors import NoCommand, UserError, shown
from bot.pattern import Pattern
from bot.values import (
    MAX_BUILD_NUMBER_DIGITS,
    PULL,
    AuthorRef,
    BuildRef,
    ContextRef,
    JobRef,
    NodeRef,
    PullRef,
    RepoRef,
    Watchable,
)
from bot.wording import listed

MAX_TEXT_CHARS = 4096  # a longer command is no command
TYPED = "regex"  # the placeholder of what is taken as it was typed
MAX_SHOWN = 12  # how many valid names an error lists
_TOKEN = re.compile(r"(?P<open>\[)?<(?P<name>[^<>]+)>(?P<rest>\.\.\.)?(?(open)\])|\[(?P<flag>\w+)\]|(?P<word>[\w-]+)")
_PAGE = re.compile(r"files|checks|commits(/[0-9a-f]+)?")  # what GitHub shows behind the number of a pull request
_AUTHOR = re.compile(r"@?[\w.-]{1,64}(\[bot\])?", re.ASCII)
_BRANCH = re.compile(r"(?!\.{1,2}$)[\w.%~+-]{1,200}")  # as Jenkins escapes it, `feature%2Fx`
_BUILD = re.compile(rf"(?P<job>[^#\s]+)#(?P<number>[1-9][0-9]{{0,{MAX_BUILD_NUMBER_DIGITS - 1}}})", re.ASCII)
Target = PullRef | JobRef | BuildRef | NodeRef | RepoRef | ContextRef


@dataclass(frozen=True, slots=True)
class Param:
    """One part of a usage after the name; kind is `one`, `rest`, `typed` or `flag`."""

    name: str
    kind: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """A usage line that was read; see the module for its grammar.

    Arguments:
        at: the places of the name's words among those that are typed.
    """

    text: str
    name: str
    params: tuple[Param, ...]
    at: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> "Usage":
        """Read a usage line.

        Raises:
            ValueError: the line does not follow the grammar; a mistake of the plugin's author.
        """
        words: list[str] = []
        params: list[Param] = []
        at: list[int] = []
        for token in text.split():
            found = _TOKEN.fullmatch(token)
            if not found:
                raise ValueError(f"cannot read {token!r} in the usage {text!r}")
            if found["word"]:
                if any(param.kind != "one" or not param.required for param in params) or (params and not words):
                    raise ValueError(f"the bare word {token!r} in {text!r} must stand before what may be left out")
                at.append(len(words) + len(params))
                words.append(token)
            elif found["flag"]:
                params.append(Param(found["flag"], "flag"))
            else:
                many = "typed" if found["name"] == TYPED else "rest"
                params.append(Param(found["name"], many if found["rest"] else "one", not found["open"]))
        if not words:
            raise ValueError(f"the usage {text!r} has no name")
        return cls(text, " ".join(words), tuple(params), tuple(at))

    @property
    def words_before_typed(self) -> int | None:
        """How many words stand before what is taken as it was typed; None if nothing is."""
        return len(self.at) + len(self.params) - 1 if self.params and self.params[-1].kind == "typed" else None

    def is_in(self, tokens: Sequence[str]) -> bool:
        """Tell whether what was typed has the words of the name where they belong."""
        typed = [tokens[index].lower() for index in self.at if index < len(tokens)]
        return " ".join(typed) == self.name


@dataclass(frozen=True, slots=True)
class Names:
    """What words in a command may refer to.

    Arguments:
        home: the repository that a bare `#7` means.
        repos: short and full names to full names.
        jobs: names in lower case to jobs, as `build` and `<build>` know them.
        projects: names in lower case to multibranch projects, whose jobs are `NAME/PR-7`.
        servers: the names of the build servers.
        contexts: by their names in lower case, in each repository that has one.
    """

    home: str = ""
    repos: Mapping[str, str] = field(default_factory=dict)
    jobs: Mapping[str, JobRef] = field(default_factory=dict)
    projects: Mapping[str, JobRef] = field(default_factory=dict)
    servers: Sequence[str] = ()
    contexts: Mapping[str, Sequence[ContextRef]] = field(default_factory=dict)

    def pull(self, text: str) -> tuple[PullRef, str]:
        """Read `moby#7`, `moby/moby#7`, `#7`, a link, or any of them with `/context` behind.

        A link may be to one of GitHub's pages of the pull request, which then is no context.

        Raises:
            UserError: it is none of these, or of an unknown repository.
        """
        if text.startswith(("http://", "https://")):
            return self._link(text)
        reference, _, context = text.partition("#")
        number, _, context = context.partition("/")
        found = PULL.fullmatch(f"{reference}#{number}")
        if not found:
            raise UserError(f'"{shown(text)}" is no pull request; try {self._example()}')
        return PullRef(self.repo(found["repo"] or ""), int(found["number"])), context

    def repo(self, text: str = "") -> str:
        """Read the name of a repository as people write it; without one it is the home repository.

        Raises:
            UserError: there is none such.
        """
        name = text or self.home
        if (repo := self.repos.get(name.lower())) is None:
            raise UserError(f'no repository "{shown(name)}" here; {nearest(name, self.repos)}')
        return repo

    def job(self, text: str) -> JobRef:
        """Read a job's configured name, or that of a multibranch project with the name of a job in it behind."""
        if known := self.jobs.get(text.lower()):
            return known
        if text.lower() in self.projects:
            raise UserError(f"{shown(text)} is a multibranch project; name one of its jobs, as {shown(text)}/PR-1234")
        name, _, branch = text.rpartition("/")
        if (project := self.projects.get(name.lower())) and _BRANCH.fullmatch(branch):
            return JobRef(project.server, f"{project.full_name}/{branch}")
        names = {**self.jobs, **self.projects}
        once = {job: name for name, job in sorted(names.items(), key=lambda each: -len(each[0]))}
        raise UserError(f'no job "{shown(text)}"; {nearest(text, once.values(), [*names])}')

    def build(self, text: str) -> BuildRef:
        """Read `job#12`."""
        found = _BUILD.fullmatch(text)
        if not found:
            raise UserError(f'"{shown(text)}" is no build; a build is job#number')
        return BuildRef(self.job(found["job"]), int(found["number"]))

    def node(self, text: str) -> NodeRef:
        """Read an agent's name, or `server/name`; which server a bare one is of is told where there is only one."""
        if not text.strip():
            raise UserError("the name of an agent is missing")
        server, _, name = text.partition("/")
        if name and server in self.servers:
            return NodeRef(server, name)
        return NodeRef(self.servers[0] if len(self.servers) == 1 else "", text)

    def what(self, text: str) -> Watchable:
        """Read what somebody watches: a pull request, build, context, job or repository, `author:NAME`, `node:NAME`.

        Raises:
            UserError: it is none of these.
        """
        kind, _, name = text.partition(":")
        if kind.lower() == "author" and _AUTHOR.fullmatch(name):
            return AuthorRef(name.removeprefix("@"))
        if kind.lower() == "node":
            return self.node(name)
        if "#" in text or "://" in text:
            found: PullRef | BuildRef
            found, context = self.read("pull|build", text)
            if context:
                raise UserError(f'"{shown(text)}" is too narrow; name the pull request, or {shown(context)} alone')
            return found
        if known := self.contexts.get(text.lower()):
            return ContextRef("", known[0].name)
        wrong = ""
        for slash in re.finditer("/", text):  # some are in the name of the repository, some may be in the context's
            repo, name = self.repos.get(text[: slash.start()].lower()), text[slash.end() :]
            there = {one.name: one for found in self.contexts.values() for one in found if one.repo == repo}
            if known := [one for one in there.values() if one.name.lower() == name.lower()]:
                return known[0]
            wrong = f'no context "{shown(name)}" in {repo}; {nearest(name, there)}' if repo else wrong
        if text.lower() in self.repos:
            return RepoRef(self.repos[text.lower()])
        try:
            return self.projects.get(text.lower()) or self.job(text)
        except UserError as error:
            raise UserError(wrong or str(error)) from error

    def read(self, kind: str, text: str) -> tuple[Any, str]:
        """Read a word as what a placeholder's name says: the value, and a context that hung on it."""
        problems: dict[str, UserError] = {}
        for one in kind.split("|"):
            try:
                if one == "pull":
                    return self.pull(text)
                if one == "job":
                    return self.job(text), ""
                if one == "build":
                    return self.build(text), ""
                if one == "node":
                    return self.node(text), ""
                if one == "what":
                    return self.what(text), ""
                if one == "pattern":
                    return Pattern(text), ""
            except UserError as error:
                problems[one] = error
        if problems:
            is_bare = "#" not in text and "://" not in text
            if is_bare and "job" in problems:  # it can only have been meant so
                raise problems["job"]
            if {"pull", "build"} <= problems.keys() and "://" not in text:
                raise self._neither(text, problems)
            raise next(iter(problems.values()))
        return text, ""

    def _neither(self, text: str, problems: Mapping[str, UserError]) -> UserError:
        """Say what a word is not, where it may have been meant as a pull request or as a build."""
        name, _, number = text.partition("#")
        number, _, context = number.partition("/")
        if name.lower() in self.projects and _BUILD.fullmatch(text):
            return problems["build"]
        if not PULL.fullmatch(f"{name}#{number}"):
            near = next(iter(get_close_matches(name.lower(), [*self.jobs, *self.repos], 1)), "")
            pull = f"{near}#1234" if near in self.repos else self._example()
            build = f"{near if near in self.jobs else min(self.jobs, default='job')}#12"
            return UserError(f'"{shown(text)}" is neither a pull request ({pull}) nor a build ({build})')
        return problems["pull"] if context else UserError(f"{problems['pull']}; and {problems['build']}")

    def _link(self, text: str) -> tuple[PullRef, str]:
        try:
            parts = [part for part in urlsplit(text).path.split("/") if part]
        except ValueError:  # a host that cannot be one
            parts = []
        page = "/".join(parts[4:])
        context = "" if _PAGE.fullmatch(page) else page
        if len(parts) >= 4 and parts[2] == "pull" and PULL.fullmatch(f"#{parts[3]}") and "/" not in context:
            repo = self.repos.get(f"{parts[0]}/{parts[1]}".lower())
            if repo is None:
                raise UserError(f"no repository {shown(f'{parts[0]}/{parts[1]}')} here; {nearest('', self.repos)}")
            return PullRef(repo, int(parts[3])), context
        raise UserError(f'"{shown(text)}" is no link to a pull request')

    def _example(self) -> str:
        return f"{self.home.rpartition('/')[2]}#1234" if self.home else "repo#1234"


@dataclass(frozen=True, slots=True)
class Call:
    """A command with what was given to it."""

    command: str
    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        """The value of `<name>`; None if it was not given."""
        return self.values.get(name)

    def words(self, name: str) -> list[str]:
        """What `[<name>...]` took, in order."""
        return list(self.values.get(name) or ())

    def pairs(self, name: str = "K=V") -> dict[str, str]:
        """What `[<K=V>...]` took."""
        return dict(word.split("=", 1) for word in self.words(name))

    def has(self, flag: str) -> bool:
        """Tell whether a flag was given."""
        return bool(self.values.get(flag))

    @property
    def target(self) -> Target | None:
        """What the command is about, which is its lane."""
        return next((v for v in self.values.values() if isinstance(v, Target)), None)


def tokens_of(text: str) -> list[str]:
    """Split a command at blanks; double quotes keep blanks.

    Raises:
        UserError: a quotation mark is not closed, or the text is too long.
    """
    _see_length(text)
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.quotes, lexer.escape, lexer.commenters, lexer.whitespace_split = '"', "", "", True
    try:
        return list(lexer)
    except ValueError as error:
        raise UserError('a quotation mark (") is not closed') from error


def find_command(usages: Mapping[str, Usage], text: str) -> tuple[Usage, list[str]]:
    """Find the command that somebody typed, and the words left.

    Raises:
        NoCommand: there is none; the text names the nearest right one, or what cannot be read.
    """
    try:
        return _found(usages, text)
    except UserError as error:
        raise NoCommand(str(error)) from error


def _found(usages: Mapping[str, Usage], text: str) -> tuple[Usage, list[str]]:
    _see_length(text)
    for usage in usages.values():
        if (before := usage.words_before_typed) is not None and usage.is_in(words := text.split(None, before)):
            return usage, [word.rstrip() for index, word in enumerate(words) if index not in usage.at]
    return match(usages, tokens_of(text))


def _see_length(text: str) -> None:
    if len(text) > MAX_TEXT_CHARS:
        raise UserError(f"a command has at most {MAX_TEXT_CHARS} characters")


def match(usages: Mapping[str, Usage], tokens: Sequence[str]) -> tuple[Usage, list[str]]:
    """Find the command with the longest name whose words are there, and the words left.

    Raises:
        UserError: there is none; the text names the nearest right one.
    """
    if found := [usage for usage in usages.values() if usage.is_in(tokens)]:
        usage = max(found, key=lambda usage: len(usage.at))
        left = [token for index, token in enumerate(tokens) if index not in usage.at]
        if left and not usage.params and (longer := _longer(usages, usage.name, left[0])):
            raise UserError(f'"{shown(left[0])}" is too much; did you mean: {longer.text}')
        return usage, left
    said = tokens[0].lower() if tokens else ""
    if family := [usage.text for name, usage in usages.items() if name.startswith(f"{said} ")]:
        meant = _longer(usages, said, tokens[1]) if len(tokens) > 1 else None
        texts = [meant.text] if meant else family
        raise UserError(f'no command "{shown(" ".join(tokens[:2]))}"; did you mean: {listed(texts, MAX_SHOWN)}')
    near = [
        (SequenceMatcher(None, one, words).ratio(), one)
        for words in (" ".join(tokens[:2]).lower(), said)
        for one in get_close_matches(words, usages, 1)
    ]
    if near:
        raise UserError(f'no command "{shown(said)}"; did you mean: {usages[max(near)[1]].text}')
    raise UserError(f'no command "{shown(said)}"; try help')


def _longer(usages: Mapping[str, Usage], name: str, word: str) -> Usage | None:
    """Find the command whose name goes on nearly as somebody did: "plugins off" for "plugins of"."""
    following = {other[len(name) + 1 :]: usages[other] for other in usages if other.startswith(f"{name} ")}
    near = get_close_matches(word.lower(), following, 1)
    return following[near[0]] if near else None


def bind(usage: Usage, words: Sequence[str], names: Names) -> Call:
    """Give each word to its parameter.

    Raises:
        UserError: one is missing, too many or wrong; the text ends in the usage.
    """
    values: dict[str, Any] = {}
    flags = {param.name for param in usage.params if param.kind == "flag"}
    left = []
    for word in words:
        if word.lower() in flags:
            values[word.lower()] = True
        else:
            left.append(word)
    hung = ""
    for param in usage.params:
        if param.kind == "one":
            left, hung = ([hung] if hung else []) + left, ""
            if left:
                values[param.name], hung = names.read(param.name, left.pop(0))
            elif param.required:
                raise UserError(f"<{param.name}> is missing; usage: {usage.text}")
        elif param.kind == "typed":
            values[param.name], left = " ".join(left), []
            if param.required and not values[param.name]:
                raise UserError(f"<{param.name}> is missing; usage: {usage.text}")
        elif param.kind == "rest":
            rest, left, hung = ([hung] if hung else []) + left, [], ""
            if param.required and not rest:
                raise UserError(f"<{param.name}> is missing; usage: {usage.text}")
            if param.name == "K=V" and (bad := [w for w in rest if "=" not in w[1:] or w.startswith("=")]):
                raise UserError(f'"{shown(bad[0])}" is not NAME=value; usage: {usage.text}')
            values[param.name] = tuple(rest)
    if left or hung:
        raise UserError(f'"{shown((left or [hung])[0])}" is too much; usage: {usage.text}')
    return Call(usage.name, values)


def nearest(wrong: str, right: Iterable[str], also: Sequence[str] = ()) -> str:
    """Say which names there are, and which may have been meant: the nearest, one of `also` too."""
    names = sorted(set(right))
    if near := get_close_matches(wrong, [*names, *also], 1):
        return f"did you mean {near[0]}? There are: {listed(names, MAX_SHOWN)}"
    return f"there are: {listed(names, MAX_SHOWN)}" if names else "there are none"
