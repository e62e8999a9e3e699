"""The grammar of commands as tables: usages, how text becomes words, what words mean, and each mistake."""

import re
from typing import Any

import pytest

from bot.commands import MAX_SHOWN, MAX_TEXT_CHARS, Names, Usage, bind, find_command, nearest, tokens_of
from bot.errors import UserError, shown
from bot.pattern import MAX_CHARS, Pattern
from bot.values import BuildRef, ContextRef, JobRef, NodeRef, PullRef

PRS, IMAGE = JobRef("ci", "docker-prs"), JobRef("ci", "infra/base-image")
PROJECT = JobRef("ci", "docker/multi")
NAMES = Names(
    "moby/moby",
    {"moby/moby": "moby/moby", "moby": "moby/moby", "docker": "moby/moby", "moby/buildkit": "moby/buildkit"},
    {"docker-prs": PRS, "base-image": IMAGE, "lxc/docker-prs": JobRef("ci", "lxc/docker-prs")},
    {"multi": PROJECT, "docker/multi": PROJECT},
    ("ci",),
    {"janky": [ContextRef("moby/moby", "janky")]},
)
TWO = Names(servers=("ci", "old-ci"))
USAGES = {
    usage.name: usage
    for usage in map(
        Usage.parse,
        (
            "rebuild <pull> [<context>...] [again]",
            "build <job> [<K=V>...]",
            "cancel <pull|build>",
            "status [<pull|job|build>]",
            "can <person> <command>...",
            "letters",
            "letters drop <letter>",
            "node <node>",
            "node <node> offline <reason>...",
            "mute <what>",
            "ping",
            "queue [<pattern>]",
            "known [<word>]",
            "known test <regex>...",
            "known add <id> <retry> <regex>...",
            "schedule add <when> <command>...",
            "schedule remove <id>",
            "scheduled [<name>]",
        ),
    )
}


def read(text: str) -> tuple[str, dict[str, Any]]:
    usage, words = find_command(USAGES, text)
    return usage.name, dict(bind(usage, words, NAMES).values)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("<pull>", "has no name", id="no-name"),
        pytest.param("", "has no name", id="empty"),
        pytest.param("a [<b>] c", "must stand before", id="word-after-what-may-be-left-out"),
        pytest.param("a <b>... c", "must stand before", id="word-after-the-rest"),
        pytest.param("<b> c", "must stand before", id="argument-first"),
        pytest.param("a <b", "cannot read '<b'", id="open-bracket"),
        pytest.param("a [<b>", "cannot read", id="open-square"),
        pytest.param("a <b>]", "cannot read", id="close-without-open"),
        pytest.param("a <>", "cannot read", id="argument-without-name"),
        pytest.param("a b!", "cannot read 'b!'", id="mark-in-a-word"),
    ],
)
def test_a_wrong_usage_is_told_to_its_author(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        Usage.parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("a  b\tc", ["a", "b", "c"], id="blanks"),
        pytest.param('a "b c"', ["a", "b c"], id="quotes"),
        pytest.param('a b"c d"e', ["a", "bc de"], id="quotes-inside"),
        pytest.param('a ""', ["a", ""], id="empty-quotes"),
        pytest.param("it's a#b \\n 'x'", ["it's", "a#b", "\\n", "'x'"], id="other-marks-are-letters"),
        pytest.param("a; b | c && d > e", ["a;", "b", "|", "c", "&&", "d", ">", "e"], id="no-shell"),
        pytest.param("$(id) `id` ${x}", ["$(id)", "`id`", "${x}"], id="nothing-is-run"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_text_becomes_words(text: str, words: list[str]) -> None:
    assert tokens_of(text) == words


READ = [
    pytest.param("ping", "ping", {}, id="bare"),
    pytest.param("PING", "ping", {}, id="any-case"),
    pytest.param("letters drop d1", "letters drop", {"letter": "d1"}, id="longest-name-wins"),
    pytest.param("letters", "letters", {}, id="shorter-name"),
    pytest.param("rebuild moby#7", "rebuild", {"pull": PullRef("moby/moby", 7), "context": ()}, id="no-context"),
    pytest.param(
        "rebuild moby#7/lxc janky AGAIN",
        "rebuild",
        {"pull": PullRef("moby/moby", 7), "context": ("lxc", "janky"), "again": True},
        id="context-hung-on-and-flag",
    ),
    pytest.param(
        "rebuild again moby#7",
        "rebuild",
        {"pull": PullRef("moby/moby", 7), "context": (), "again": True},
        id="flag-in-front",
    ),
    pytest.param(
        "rebuild https://github.com/moby/moby/pull/7/lxc janky",
        "rebuild",
        {"pull": PullRef("moby/moby", 7), "context": ("lxc", "janky")},
        id="context-hung-on-a-link",
    ),
    pytest.param(
        "rebuild moby#7/a/b", "rebuild", {"pull": PullRef("moby/moby", 7), "context": ("a/b",)}, id="context-with-slash"
    ),
    pytest.param("build base-image", "build", {"job": IMAGE, "K=V": ()}, id="job"),
    pytest.param('build base-image "A=b c" B=', "build", {"job": IMAGE, "K=V": ("A=b c", "B=")}, id="values"),
    pytest.param("cancel #7", "cancel", {"pull|build": PullRef("moby/moby", 7)}, id="pull-of-home"),
    pytest.param("cancel docker-prs#7", "cancel", {"pull|build": BuildRef(PRS, 7)}, id="build"),
    pytest.param("status", "status", {}, id="optional-left-out"),
    pytest.param("status docker-prs", "status", {"pull|job|build": PRS}, id="job-among-others"),
    pytest.param("build multi/PR-7", "build", {"job": JobRef("ci", "docker/multi/PR-7"), "K=V": ()}, id="pr-job"),
    pytest.param(
        "cancel docker/Multi/feature%2Fx#7",
        "cancel",
        {"pull|build": BuildRef(JobRef("ci", "docker/multi/feature%2Fx"), 7)},
        id="J14-branch-with-a-slash",
    ),
    pytest.param("node arm-7", "node", {"node": NodeRef("ci", "arm-7")}, id="node"),
    pytest.param("node ci/arm-7", "node", {"node": NodeRef("ci", "arm-7")}, id="node-with-its-server"),
    pytest.param('node "Built-In Node"', "node", {"node": NodeRef("ci", "Built-In Node")}, id="node-with-a-blank"),
    pytest.param(
        "node arm-7 OFFLINE the disk is full",
        "node offline",
        {"node": NodeRef("ci", "arm-7"), "reason": ("the", "disk", "is", "full")},
        id="word-of-the-name-behind-an-argument",
    ),
    pytest.param("node offline", "node", {"node": NodeRef("ci", "offline")}, id="argument-like-a-word-of-a-name"),
    pytest.param("queue ^lxc|zfs$", "queue", {"pattern": Pattern("^lxc|zfs$")}, id="pattern"),
    pytest.param("known test x", "known test", {"regex": "x"}, id="one-word-as-typed"),
    pytest.param("known dm", "known", {"word": "dm"}, id="the-shorter-name-beside-one-that-takes-all-as-typed"),
    pytest.param(
        '  KNOWN  Add dm-x true  (a|"b)  \\d+\\s  \'c \\"x\\ y ',
        "known add",
        {"id": "dm-x", "retry": "true", "regex": '(a|"b)  \\d+\\s  \'c \\"x\\ y'},
        id="A27-blanks-backslashes-and-quotes-as-typed",
    ),
    pytest.param('known add "dm x y', "known add", {"id": '"dm', "retry": "x", "regex": "y"}, id="no-quotes-before-it"),
    pytest.param("can jess letters drop", "can", {"person": "jess", "command": ("letters", "drop")}, id="rest"),
]


@pytest.mark.parametrize(("text", "name", "values"), READ)
def test_what_is_understood(text: str, name: str, values: dict[str, Any]) -> None:
    assert read(text) == (name, values)


WRONG = [
    pytest.param("", 'no command ""; try help', id="nothing"),
    pytest.param("rebuidl moby#7", 'no command "rebuidl"; did you mean: rebuild <pull>', id="nearest"),
    pytest.param(
        "letters dorp d1", '"dorp" is too much; did you mean: letters drop <letter>', id="second-word-nearly-right"
    ),
    pytest.param("LETTERS drpo", "did you mean: letters drop <letter>", id="second-word-nearly-right-shouted"),
    pytest.param(
        "Schedule",
        'no command "Schedule"; did you mean: schedule add <when> <command>..., schedule remove <id>$',
        id="the-first-word-of-some",
    ),
    pytest.param("schedule rmove x", '"schedule rmove"; did you mean: schedule remove <id>$', id="the-nearest-of-some"),
    pytest.param("schedule x y", "mean: schedule add <when> .*, schedule remove <id>$", id="none-of-some-is-near"),
    pytest.param("letters xyz", '"xyz" is too much; usage: letters$', id="second-word-wrong"),
    pytest.param("rebuild", "<pull> is missing; usage: rebuild <pull>", id="missing"),
    pytest.param("can jess", "<command> is missing; usage: can", id="rest-missing"),
    pytest.param("ping pong", '"pong" is too much; usage: ping', id="too-much"),
    pytest.param("cancel moby#7/lxc", '"lxc" is too much; usage: cancel', id="context-where-none-goes"),
    pytest.param("rebuild moby", '"moby" is no pull request; try moby#1234', id="no-number"),
    pytest.param("rebuild moby#", '"moby#" is no pull request', id="empty-number"),
    pytest.param("rebuild moby#07", "is no pull request", id="leading-zero"),
    pytest.param("rebuild moby#-7", "is no pull request", id="negative"),
    pytest.param("rebuild moby#\u0667", "is no pull request", id="digits-of-another-script"),
    pytest.param("rebuild moby#1234567890", "is no pull request", id="too-many-digits"),
    pytest.param("rebuild a/b/c#7", "is no pull request", id="too-many-parts"),
    pytest.param("rebuild buildkit#7", 'no repository "buildkit" here; did you mean moby/buildkit', id="short-of-none"),
    pytest.param("rebuild https://github.com/moby/moby", "is no link to a pull request", id="link-to-a-repository"),
    pytest.param("rebuild https://github.com/moby/moby/pull/x", "is no link to a pull", id="link-without-number"),
    pytest.param("rebuild https://[/moby/moby/pull/7", "is no link", id="broken-link"),
    pytest.param("rebuild https://github.com/a/b/pull/7", "no repository a/b here", id="link-to-another"),
    pytest.param("cancel https://github.com/moby/moby/pull/7/lxc", '"lxc" is too much', id="context-on-a-link"),
    pytest.param("rebuild https://github.com/moby/moby/pull/7/a/b", "is no link to a pull", id="link-too-long"),
    pytest.param("rebuild https://github.com/moby/moby/pull/7/commits/lxc", "is no link to a pull", id="no-commit"),
    pytest.param("build nope", 'no job "nope"; there are: base-image, docker-prs', id="job"),
    pytest.param("build multi", "multi is a multibranch project; name one of its jobs, as multi/PR-1234", id="project"),
    pytest.param("build multi/..", 'no job "multi/.."', id="no-way-up-from-a-project"),
    pytest.param("build multi/PR-7/../x", 'no job "multi/PR-7/../x"', id="no-way-further-down"),
    pytest.param('node ""', "the name of an agent is missing", id="empty-node"),
    pytest.param("queue lxc(", r'"lxc\(" is no pattern: missing \): lxc\( \(at character 1\)', id="open-group"),
    pytest.param("queue ab[c", r"missing \]: \[c \(at character 3\)", id="open-class-and-where"),
    pytest.param("queue (?=x)", r"invalid perl operator: \(\?= \(at character 1\)", id="no-looking-ahead"),
    pytest.param("queue \ud800", "is no pattern: it has half a character", id="half-a-character"),
    pytest.param("queue ?\u202e", '"\\?\N{REPLACEMENT CHARACTER}" is no pattern: no argument for', id="unseen"),
    pytest.param(f"queue {'x' * (MAX_CHARS + 1)}", f"a pattern has at most {MAX_CHARS} characters", id="long-pattern"),
    pytest.param("build base-image =x", '"=x" is not NAME=value', id="value-without-name"),
    pytest.param("build base-image x", '"x" is not NAME=value', id="name-without-value"),
    pytest.param(
        "cancel 5",
        r'"5" is neither a pull request \(moby#1234\) nor a build \(base-image#12\)',
        id="neither-of-two",
    ),
    pytest.param("cancel docker-prs", "is neither a pull request", id="a-job-is-neither"),
    pytest.param(
        "cancel docker-prs#0",
        r'"docker-prs#0" is neither a pull request \(moby#1234\) nor a build \(docker-prs#12\)',
        id="build-zero",
    ),
    pytest.param("cancel docker-prs#99999999999999999999", r"nor a build \(docker-prs#12\)", id="build-too-high"),
    pytest.param("cancel docker-pr#0", r"nor a build \(docker-prs#12\)", id="zero-of-nearly-a-job"),
    pytest.param("cancel buildkit#0", r"a pull request \(moby/buildkit#1234\)", id="zero-of-nearly-a-repository"),
    pytest.param("cancel #0", r"a pull request \(moby#1234\) nor a build \(base-image#12\)", id="zero-of-nothing"),
    pytest.param(
        "cancel docker-pr#7",
        'no repository "docker-pr" here; .*; and no job "docker-pr"; did you mean docker-prs',
        id="nearly-a-job",
    ),
    pytest.param("cancel nope#7/lxc", '^no repository "nope" here; there are: [^;]*$', id="a-context"),
    pytest.param("cancel multi#7", "^multi is a multibranch project; name one", id="build-of-a-project"),
    pytest.param("status nope", 'no job "nope"', id="bare-word-is-a-job"),
    pytest.param("status nope#7", 'no repository "nope" here; .*; and no job "nope"; there are', id="neither-is-there"),
    pytest.param('rebuild "moby#7', "quotation mark", id="open-quote"),
    pytest.param('known "x', "quotation mark", id="open-quote-where-nothing-is-as-typed"),
    pytest.param("mute moby/jankyy", 'no context "jankyy" in moby/moby; did you mean janky', id="nearly-a-context"),
    pytest.param("mute moby/moby/nope", 'no context "nope" in moby/moby; there are: janky$', id="no-context"),
    pytest.param("mute moby/buildkit/x", 'no context "x" in moby/buildkit; there are none', id="no-context-at-all"),
    pytest.param("mute nope/janky", 'no job "nope/janky"', id="a-context-of-no-repository"),
    pytest.param("known test", "<regex> is missing; usage: known test <regex>...", id="nothing-typed"),
    pytest.param("known add dm-x true  ", "<regex> is missing; usage: known add", id="blanks-are-nothing"),
    pytest.param("known add dm-x", "<retry> is missing; usage: known add", id="word-before-what-is-as-typed-missing"),
    pytest.param("known test " + "x" * MAX_TEXT_CHARS, "at most 4096 characters", id="too-long-as-typed"),
    pytest.param("ping " + "x" * MAX_TEXT_CHARS, "at most 4096 characters", id="too-long"),
]


@pytest.mark.parametrize(("text", "why"), WRONG)
def test_what_is_not_understood_says_why(text: str, why: str) -> None:
    with pytest.raises(UserError) as told:
        read(text)
    assert re.search(why, str(told.value)), told.value


@pytest.mark.parametrize(
    "link",
    [
        "https://github.com/moby/moby/pull/7",
        "http://github.com/moby/moby/pull/7/",
        "https://github.com/moby/moby/pull/7/files#diff-1",
        "https://github.com/moby/moby/pull/7/commits",
        "https://github.com/moby/moby/pull/7/checks?check_run_id=5",
        "https://github.com/Moby/MOBY/pull/7?w=1#issuecomment-9",
        "https://git.example.org/moby/moby/pull/7/commits/abc",
    ],
)
def test_links_to_a_pull_request(link: str) -> None:
    assert NAMES.pull(link) == (PullRef("moby/moby", 7), "")


def test_a_call_gives_what_was_bound() -> None:
    call = bind(USAGES["build"], ["base-image", "A=1", "B=x=y"], NAMES)
    assert (call["job"], call.target, call.pairs()) == (IMAGE, IMAGE, {"A": "1", "B": "x=y"})
    assert (call["nothing"], call.words("nothing"), call.has("again")) == (None, [], False)


def test_long_lists_and_words_are_cut() -> None:
    names = [f"n{number:02}" for number in range(MAX_SHOWN + 3)]
    assert nearest("zzz", names) == f"there are: {', '.join(names[:MAX_SHOWN])} and 3 more"
    assert nearest("zzz", []) == "there are none"
    assert nearest("agian", ["janky"], also=["again"]) == "did you mean again? There are: janky"
    assert len(shown("x" * 500)) == 60


def test_what_cannot_be_seen_is_shown_as_a_mark() -> None:
    """A13: a word that is echoed carries nothing that a terminal or a network would obey."""
    assert shown("a\x03b\u202ec\r\nd\x00") == "a\N{REPLACEMENT CHARACTER}b" + "\N{REPLACEMENT CHARACTER}c" + (
        "\N{REPLACEMENT CHARACTER}" * 2 + "d\N{REPLACEMENT CHARACTER}"
    )


@pytest.mark.parametrize(
    ("text", "node"),
    [
        pytest.param("old-ci/arm-7", NodeRef("old-ci", "arm-7"), id="named"),
        pytest.param("arm-7", NodeRef("", "arm-7"), id="bare-so-the-servers-are-asked"),
        pytest.param("new-ci/arm-7", NodeRef("", "new-ci/arm-7"), id="no-server-so-all-of-it-is-the-name"),
    ],
)
def test_an_agent_of_one_of_two_servers(text: str, node: NodeRef) -> None:
    assert TWO.node(text) == node


@pytest.mark.parametrize(
    ("pattern", "text", "is_found"),
    [
        pytest.param("LXC", "moby#7 lxc", True, id="any-case"),
        pytest.param("^lxc", "moby#7 lxc", False, id="anchored"),
        pytest.param("lxc$", "moby#7 lxc", True, id="at-the-end"),
        pytest.param("a.c", "\ud800abc", True, id="J29-half-a-character-in-what-a-job-tells"),
        pytest.param("(a*)*b", "a" * 100_000, False, id="J30-no-catastrophe"),
    ],
)
def test_what_a_pattern_finds(pattern: str, text: str, is_found: bool) -> None:
    assert Pattern(pattern).search(text) is is_found


def test_a_job_of_three_names_is_listed_once_and_each_of_them_may_be_meant() -> None:
    named = Names(jobs=dict.fromkeys(("ci/docker-prs", "docker-prs", "janky"), JobRef("ci", "docker-prs")))
    with pytest.raises(UserError, match=r'no job "nope"; there are: janky$'):
        named.job("nope")
    with pytest.raises(UserError, match="did you mean docker-prs"):
        named.job("docker-pr")
