"""Which lines of a comment are commands: a hundred bodies, in the manner of the tables of bors, and nonsense."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.commands import Names, Usage
from bot.comment_commands import MAX_CHARS, MAX_COMMANDS, Found, about, commands_in
from bot.values import JobRef, PullRef

KNOWN = frozenset({"rebuild", "cancel", "status", "ok to test", "dco", "override", "confirm"})
PULL = PullRef("moby/moby", 7)
STALLS_S = 2.0  # with room for a busy machine: the worst body takes a fifth
FAILED = "rebuild failed"
NONE: tuple[str, ...] = ()


def one(text: str) -> tuple[str, ...]:
    return (text,)


# body, the commands in it
BODIES: list[tuple[str, str, tuple[str, ...]]] = [
    ("mention", "@gordon rebuild windows", one("rebuild windows")),
    ("mention-in-any-case", "@Gordon rebuild windows", one("rebuild windows")),
    ("mention-with-colon", "@gordon: rebuild windows", one("rebuild windows")),
    ("mention-with-comma", "@gordon, rebuild windows", one("rebuild windows")),
    ("mention-with-colon-and-no-blank", "@gordon:rebuild windows", one("rebuild windows")),
    ("mention-with-tab", "@gordon\trebuild", one("rebuild")),
    ("mention-with-no-break-space", "@gordon\xa0rebuild\xa0windows", one("rebuild windows")),
    ("mention-alone", "@gordon", NONE),
    ("mention-and-blanks", "@gordon   ", NONE),
    ("mention-of-somebody-longer", "@gordon-bot rebuild", NONE),
    ("mention-of-a-team", "@gordon/team rebuild", NONE),
    ("mention-in-a-possessive", "@gordon's rebuild", NONE),
    ("mention-of-somebody-else", "@gordo rebuild", NONE),
    ("mention-with-zero-width-inside", "@gor\u200bdon rebuild", NONE),
    ("mention-with-zero-width-behind", "@gordon\u200b rebuild", NONE),
    ("zero-width-before", "\u200b@gordon rebuild", NONE),
    ("zero-width-in-words-is-kept-for-the-refusal", "@gordon re\u200bbuild", one("re\u200bbuild")),
    ("letters-that-look-alike", "@g\u043erdon rebuild", NONE),
    ("wide-at", "\uff20gordon rebuild", NONE),
    ("in-a-sentence", "please @gordon rebuild windows", NONE),
    ("without-at", "gordon rebuild windows", NONE),
    ("prefix-of-irc", "!rebuild windows", NONE),
    ("unknown-words-are-for-the-refusal", "@gordon thanks a lot", one("thanks a lot")),
    ("relayed-by-a-bridge", "<alice> @gordon rebuild", NONE),
    ("relayed-in-bold", "**alice**: @gordon rebuild", NONE),
    ("relayed-as-escaped", "\\<alice\\> /retest", NONE),
    ("retest", "/retest", one(FAILED)),
    ("retest-in-capitals", "/RETEST", one(FAILED)),
    ("retest-with-a-name", "/retest windows", one("rebuild windows")),
    ("retest-with-blanks-behind", "/retest  \t ", one(FAILED)),
    ("retest-something", "/retest-required", NONE),
    ("retest-in-a-sentence", "I would /retest this", NONE),
    ("retest-with-a-stop", "/retest.", NONE),
    ("two-slashes", "//retest", NONE),
    ("slash-apart", "/ retest", NONE),
    ("backslash", "\\retest", NONE),
    ("test-one", "/test windows", one("rebuild windows")),
    ("test-two", "/test windows janky", one("rebuild windows janky")),
    ("test-all", "/test all", one("rebuild all")),
    ("test-what", "/test ?", one("status")),
    ("test-bare", "/test", one("status")),
    ("test-path", "/test/windows", NONE),
    ("ok-to-test", "/ok-to-test", one("ok to test")),
    ("ok-to-test-with-sha", "/ok-to-test 3f2c1ab", one("ok to test 3f2c1ab")),
    ("check-dco", "/check-dco", one("dco")),
    ("override", "/override windows the rack burns", one("override windows the rack burns")),
    ("cancel", "/cancel", one("cancel")),
    ("cancel-one", "/cancel windows", one("cancel windows")),
    ("of-others-hold", "/hold", NONE),
    ("of-others-lgtm", "/lgtm\n/approve\n/assign @gordon", NONE),
    ("of-others-close", "/close", NONE),
    ("path", "/usr/bin/docker: not found", NONE),
    ("after-text", "Nope.\n/retest", one(FAILED)),
    ("before-text", "/retest\nas that was the network", one(FAILED)),
    ("after-a-blank-line", "Nope.\n\n/retest", one(FAILED)),
    ("several", "/retest\n/cancel windows\n@gordon status", (FAILED, "cancel windows", "status")),
    ("the-same-twice", "/retest\n/retest", (FAILED, FAILED)),
    ("crlf", "Nope.\r\n/retest\r\n/cancel\r\n", (FAILED, "cancel")),
    ("cr-alone", "Nope.\r/retest", one(FAILED)),
    ("hard-break", "Nope.  \n/retest\\\n/cancel", (FAILED, "cancel")),
    ("blanks-before", "   /retest", one(FAILED)),
    ("blanks-behind", "@gordon rebuild windows   ", one("rebuild windows")),
    ("indented-code", "    /retest", NONE),
    ("indented-by-tab", "\t/retest", NONE),
    ("indented-behind-text-is-text", "Nope.\n    /retest", one(FAILED)),
    ("fence", "```\n/retest\n```", NONE),
    ("fence-with-language", "```console\n@gordon rebuild\n```", NONE),
    ("fence-of-tildes", "~~~\n/retest\n~~~", NONE),
    ("fence-in-fence", "````\n```\n/retest\n```\n````", NONE),
    ("fence-never-closed", "```\n/retest", NONE),
    ("behind-a-fence", "```\nx\n```\n/retest", one(FAILED)),
    ("fence-that-a-shorter-one-does-not-close", "````\n```\n/retest", NONE),
    ("quote", "> /retest", NONE),
    ("quote-without-blank", ">/retest", NONE),
    ("quote-in-quote", "> > @gordon rebuild", NONE),
    ("quote-goes-on-lazily", "> somebody said\n/retest", NONE),
    ("behind-a-quote", "> somebody said\n\n/retest", one(FAILED)),
    ("quote-in-a-fence", "```\n> x\n```\n/retest", one(FAILED)),
    ("alert", "> [!NOTE]\n> /retest", NONE),
    ("mail", "On Monday ann wrote:\n> /retest\n\nno", NONE),
    ("mail-that-answers-below", "On Monday ann wrote:\n> no\n\n/retest", one(FAILED)),
    ("mail-without-marks", "no\r\n\r\nOn Monday ann <\r\na@b.org> wrote:\r\n\r\n/ok-to-test", NONE),
    ("mail-that-answers-above", "/retest\n\nOn Monday ann wrote:\n\n/ok-to-test", one(FAILED)),
    ("mail-of-outlook", "no\n________________________________\nFrom: ann\nSent: Monday\n\n/ok-to-test", NONE),
    ("mail-with-bold-heads", "no\n\n**From:** ann\n**Sent:** Monday\n\n/ok-to-test", NONE),
    ("mail-that-was-sent-on", "see\n\n-----Original Message-----\nFrom: ann\n\n@gordon cancel", NONE),
    ("mail-in-another-language", "nein\n\nVon: ann\n\n/ok-to-test\n\n--\nReply to this email directly, view it", NONE),
    ("mail-with-a-marked-end", "/retest\n\n> x\n> Reply to this email directly, view it", one(FAILED)),
    ("list", "- /retest", NONE),
    ("list-with-star", "* @gordon rebuild", NONE),
    ("numbered-list", "1. /retest", NONE),
    ("tasks", "- [ ] /retest\n- [x] /cancel", NONE),
    ("list-goes-on-lazily", "- one\n/retest", NONE),
    ("behind-a-list", "- one\n\n/retest", one(FAILED)),
    ("heading", "# /retest", NONE),
    ("heading-by-line", "/retest\n=======", NONE),
    ("heading-by-dashes", "@gordon rebuild\n---", NONE),
    ("behind-a-rule", "***\n/retest", one(FAILED)),
    ("table", "| a | b |\n|---|---|\n| /retest | x |", NONE),
    ("table-without-bars-at-the-ends", "a | b\n--|--\n/retest | x", NONE),
    ("row-without-bars", "a | b\n--|--\n/retest", NONE),
    ("behind-a-table", "a | b\n--|--\nc | d\n\n/retest", one(FAILED)),
    ("quote-ends-a-table", "a | b\n--|--\n> c\n\n/retest", one(FAILED)),
    ("code-ends-a-table", "a | b\n--|--\n    x\n/retest", one(FAILED)),
    ("table-in-a-list", "- a | b\n  --|--\n  c\n\n/retest", one(FAILED)),
    ("inline-code", "`/retest`", NONE),
    ("inline-code-of-several-lines", "`x\n/retest\ny`", NONE),
    ("words-in-backquotes", "@gordon rebuild `windows`", one("rebuild windows")),
    ("words-in-two-backquotes", "@gordon rebuild ``win`dows``", one("rebuild win`dows")),
    ("all-in-bold", "**/retest**", NONE),
    ("in-bold-of-several-lines", "**x\n/retest\ny**", NONE),
    ("struck", "~~/retest~~", NONE),
    ("struck-over-lines", "~~x\n/retest\ny~~", NONE),
    ("stars-in-words-stay", "@gordon rebuild *-arm* x", one("rebuild *-arm* x")),
    ("underscores-stay", "@gordon rebuild a_b _c_", one("rebuild a_b _c_")),
    ("escaped-mention", "\\@gordon rebuild", NONE),
    ("escaped-slash", "\\/retest", NONE),
    ("entity-as-mention", "&#64;gordon rebuild", NONE),
    ("entity-in-words", "@gordon rebuild a&amp;b", one("rebuild a&b")),
    ("bare-address", "@gordon rebuild https://github.com/moby/moby/pull/7", one("rebuild https://github.com/moby/moby/pull/7")),
    ("address-in-brackets", "@gordon rebuild <https://example.com>", NONE),
    ("link", "[/retest](https://example.com)", NONE),
    ("link-in-words", "@gordon rebuild [windows](https://example.com)", NONE),
    ("link-over-lines", "[x\n/retest\ny](https://example.com)", NONE),
    ("image", "![/retest](x.png)", NONE),
    ("definition", "[x]: /retest", NONE),
    ("html-comment", "<!--\n/retest\n-->", NONE),
    ("html-comment-in-a-line", "x <!-- \n/retest\n--> y", NONE),
    ("html-comment-never-closed", "<!--\n\n/retest", NONE),
    ("behind-an-html-comment", "<!-- x -->\n\n/retest", one(FAILED)),
    ("html", "<b>\n/retest\n</b>", NONE),
    ("html-in-a-line", "x <kbd>y\n/retest</kbd>", NONE),
    ("preformatted", "<pre>\n\n/retest\n\n</pre>", NONE),
    ("details", "<details>\n\n/retest\n\n</details>", NONE),
    ("details-never-closed", "<details>\n\n/retest", NONE),
    ("behind-details", "<details>\n\nlog\n\n</details>\n\n/retest", one(FAILED)),
    ("html-quote", "<blockquote>\n\n/retest\n\n</blockquote>", NONE),
    ("nothing", "", NONE),
    ("nul", "\x00/retest", NONE),
    ("line-separator-is-no-line", "x\u2028/retest", NONE),
    ("bidi-override-before", "\u202e/retest", NONE),
]  # fmt: skip


@pytest.mark.parametrize(("body", "found"), [pytest.param(body, found, id=name) for name, body, found in BODIES])
def test_which_lines_are_commands(body: str, found: tuple[str, ...]) -> None:
    """A17: only top-level text of the comment itself."""
    assert commands_in(body, "gordon", KNOWN) == Found(found)


def test_the_table_has_a_hundred_bodies() -> None:
    assert len(BODIES) >= 100
    assert len({name for name, *_ in BODIES}) == len(BODIES)


def test_an_alias_of_a_command_that_is_not_there_is_left_to_others() -> None:
    assert commands_in("/check-dco\n/override x\n/retest", "gordon", {"rebuild"}) == Found((FAILED,))


def test_another_name_is_called_by_that_name() -> None:
    assert commands_in("@moby-ci rebuild\n@gordon rebuild", "moby-ci", KNOWN) == Found(("rebuild",))


def test_more_than_a_few_commands_are_counted_and_left() -> None:
    """A33."""
    assert commands_in("/retest\n" * 12, "gordon", KNOWN) == Found((FAILED,) * MAX_COMMANDS, 12 - MAX_COMMANDS)


def test_a_comment_that_is_too_long_is_told_only_where_there_may_be_a_command_in_it() -> None:
    log = "make: *** [test] Error 1\n" * 3000
    assert commands_in(log, "gordon", KNOWN) == Found()
    assert commands_in(f"{log}\n/retest", "gordon", KNOWN) == Found(is_too_long=True)


EVIL = (
    "[",
    "![",
    "[](",
    "![a](",
    "*a ",
    "**a*",
    "_",
    "> ",
    "- ",
    "<",
    "<!--",
    "&a",
    "a\n",
    "a|b\n",
    "~~a",
    "`",
    "``` ",
    "\\",
)


@pytest.mark.parametrize("piece", EVIL)
@pytest.mark.parametrize("size", [MAX_CHARS, 64 * 1024], ids=["as-long-as-is-read", "as-long-as-github-takes"])
def test_no_body_keeps_the_parser_for_long(piece: str, size: int) -> None:
    """A33: the parser takes the square of some of these."""
    head = "/retest\n\na|b\n-|-\n" if "|" in piece else "/retest\n\n"
    body = (head + piece * size)[:size]
    began_s = time.process_time()
    commands_in(body, "gordon", KNOWN)
    assert time.process_time() - began_s < STALLS_S


def test_small_tables_that_stand_for_many_cells_take_no_longer_than_their_text() -> None:
    """A33: a row of one letter has as many cells as the head of its table."""
    table = "|" + "a|" * 300 + "\n|" + "-|" * 300 + "\n" + "a\n" * 216
    body = ("/retest\n\n" + f"{table}\n" * 20)[:MAX_CHARS]
    began_s = time.process_time()
    assert commands_in(body, "gordon", KNOWN) == Found((FAILED,))
    assert time.process_time() - began_s < STALLS_S


PIECES = [
    "@gordon rebuild",
    "/retest",
    "\n",
    "\r\n",
    "> ",
    "- ",
    "`",
    "```",
    "<!--",
    "-->",
    "<b>",
    "[",
    "](",
    "*",
    "~~",
]
PIECES += ["\\", "|", "\x00", "\ud800", "\u200b", "    ", "a"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join) | st.text(max_size=300))
def test_nonsense_ends_in_lines(body: str) -> None:
    found = commands_in(body, "gordon", KNOWN)
    assert len(found.texts) <= MAX_COMMANDS
    for text in found.texts:
        assert text == text.strip() != ""
        assert "\n" not in text


USAGES = {
    usage.name: usage
    for usage in map(
        Usage.parse,
        (
            "rebuild <pull|build> [<context>...] [again]",
            "status [<pull|job|build>]",
            "why <pull|build>",
            "ok to test <pull> [<sha>]",
            "build <job> [<K=V>...]",
            "known test <regex>...",
            "node <node> offline <reason>...",
            "confirm <token>",
            "help [<command>...]",
        ),
    )
}
NAMES = Names("moby/moby", {"moby": "moby/moby", "moby/moby": "moby/moby"}, {"windows": JobRef("ci", "win")})


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        pytest.param("rebuild windows", "rebuild moby/moby#7 windows", id="a-context"),
        pytest.param("rebuild", "rebuild moby/moby#7", id="nothing"),
        pytest.param("rebuild  failed   again", "rebuild moby/moby#7 failed   again", id="blanks"),
        pytest.param("REBUILD windows", "REBUILD moby/moby#7 windows", id="any-case"),
        pytest.param("rebuild moby#9 windows", "rebuild moby#9 windows", id="another-pull-request"),
        pytest.param("rebuild #9", "rebuild #9", id="one-of-the-home-repository"),
        pytest.param("rebuild windows#12", "rebuild windows#12", id="a-build"),
        pytest.param("rebuild mobby#9", "rebuild mobby#9", id="what-was-meant-as-one"),
        pytest.param(
            "rebuild https://github.com/moby/moby/pull/9", "rebuild https://github.com/moby/moby/pull/9", id="a-link"
        ),
        pytest.param("status", "status moby/moby#7", id="may-be-left-out"),
        pytest.param("status windows", "status windows", id="a-job"),
        pytest.param("why", "why moby/moby#7", id="why"),
        pytest.param("ok to test", "ok to test moby/moby#7", id="a-name-of-three-words"),
        pytest.param("ok to test 3f2c1ab", "ok to test moby/moby#7 3f2c1ab", id="a-commit"),
        pytest.param("build windows", "build windows", id="not-of-pull-requests"),
        pytest.param("known test a  b", "known test a  b", id="as-it-was-typed"),
        pytest.param("node dm-7 offline now", "node dm-7 offline now", id="a-name-in-two-places"),
        pytest.param("confirm abc", "confirm abc", id="confirm"),
        pytest.param("frobnicate", "frobnicate", id="no-command"),
        pytest.param('rebuild "windows', 'rebuild "windows', id="no-end-of-quotation"),
    ],
)
def test_the_pull_request_goes_without_saying(text: str, meant: str) -> None:
    assert about(text, PULL, USAGES, NAMES) == meant
