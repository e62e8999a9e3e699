"""What is said on a pull request: Markdown that calls nobody, and one comment that grows, without a thing twice."""

import re
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.adapters.github_chat import GitHubChat
from bot.adapters.github_chat_wire import EARLIER, MAX_BODY_CHARS, PARTED, begun, grown
from bot.adapters.github_chat_wire import part_of as part_for
from bot.chat import Card, Tone
from bot.errors import Refused, Unavailable, UserError
from bot.secret import redact_markdown
from bot.values import Place, PullRef
from tests.fake_forge import LOST, FakeForge, no_answer

REF = PullRef("moby/moby", 7)
PLACE = Place("github", "moby/moby#7", thread="42", to="ann")
CALLING = re.compile(r"@\w|\w#\d|#\d|\bGH-\d", re.IGNORECASE)
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def part_of(words: str | Card) -> str:
    """Write words where Gordon is called so."""
    return part_for(words, "gordon")


def shown(markdown: str) -> str:
    """Read what people see, as one text."""
    pieces = []
    for token in MARKDOWN.parse(markdown):
        if token.type in ("fence", "code_block"):
            pieces.append(token.content)
        for piece in token.children or ():
            pieces.append("\n" if piece.type.endswith("break") else piece.content)
    return "".join(pieces)


def calling(markdown: str) -> Sequence[str]:
    """List what GitHub would make mentions or references of: not what stands in code."""
    texts = [
        piece.content for token in MARKDOWN.parse(markdown) for piece in token.children or () if piece.type == "text"
    ]
    return [found for text in texts for found in CALLING.findall(text)]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        pytest.param("queued windows (item 12) [k7f2]", "queued windows (item 12) \\[k7f2\\]", id="plain"),
        pytest.param("moby#7 passed", "`moby#7` passed", id="a-reference"),
        pytest.param("fixes rust-lang/rust#1", "fixes `rust-lang/rust#1`", id="a-reference-to-somebody-else"),
        pytest.param("GH-12 and gh-13", "`GH-12` and `gh-13`", id="another-form-of-it"),
        pytest.param("ping @docker/maintainers!", "ping `@docker/maintainers`\\!", id="a-mention"),
        pytest.param("<!channel> @everyone", "\\<\\!channel\\> `@everyone`", id="all-at-once"),
        pytest.param("a@b.example", "`a@b.example`", id="an-address-of-mail"),
        pytest.param("@a`b", "``@a`b``", id="backquote-in-a-mention"),
        pytest.param("see https://ci.example/job/x_y/12/.", "see <https://ci.example/job/x_y/12/>.", id="a-link"),
        pytest.param(
            "see https://github.com/a/b/issues/1", "see `https://github.com/a/b/issues/1`", id="a-link-that-refers"
        ),
        pytest.param("a *b* _c_ `d` [e](f)", "a \\*b\\* \\_c\\_ \\`d\\` \\[e\\](f)", id="marks"),
        pytest.param("<b>x</b> & &amp;", "\\<b\\>x\\</b\\> \\& \\&amp;", id="html"),
        pytest.param("# no heading", "\\# no heading", id="heading"),
        pytest.param("- no list", "\\- no list", id="list"),
        pytest.param("1. no list", "1\\. no list", id="numbered"),
        pytest.param("one\n\ntwo", "one\\\ntwo", id="two-lines"),
        pytest.param("costs $a$ b", "costs `$a$` b", id="no-formula"),
        pytest.param("token ghp_0123456789abcdefghijABCDEFGHIJ012345", "token \\[redacted\\]", id="a-secret"),
    ],
)
def test_text_is_shown_as_it_is(words: str, part: str) -> None:
    """A15."""
    expected = redact_markdown(part) if "redacted" in part else part
    assert part_of(words) == expected or (words.startswith("token") and "ghp_" not in part_of(words))


def test_a_card_is_a_title_with_a_list_and_a_link() -> None:
    card = Card("moby#7: 2 failed", ("janky: *x*", "lxc"), {"node": "dm_7"}, url="https://ci.example/1", tone=Tone.BAD)
    assert part_of(card) == (
        "✘ **`moby#7`: 2 failed** <https://ci.example/1>\n\n- janky: \\*x\\*\n- lxc\n\n- node: dm\\_7"
    )


def test_lines_of_a_log_stand_in_a_fence_that_they_cannot_end() -> None:
    card = Card("janky#12", quote="14: ``` @ann\njanky 15: </pre>")
    assert part_of(card) == "**`janky#12`**\n\n````text\n14: ``` @ann\njanky 15: </pre>\n````"


@given(st.text(st.sampled_from("@#$a1 `*_[]()<>!&|~-\\/\n.:gh"), max_size=80))
def test_nothing_that_is_said_calls_anybody_or_is_lost(words: str) -> None:
    """A15: whatever it is, it is shown, and neither mentions nor refers."""
    part = part_of(words)
    assert calling(part) == []
    assert re.sub(r"\s+", "", shown(part)) == re.sub(r"\s+", "", words)


def test_a_question_shows_its_token_though_tokens_are_cut_out() -> None:
    token = "kt2qbtt4baaivfxyqdia5voayy"
    part = part_of(f"build x: this would start it; to go on say: confirm {token} (within 120 s) [k7f2]")
    assert f"to go on write: @gordon confirm {token} (within 120 s)" in shown(part)
    assert calling(part) == []
    assert redact_markdown(part) == part, "whoever writes the comment cuts secrets out once more"
    assert token not in part_of(f"no command {token}")


def test_a_comment_calls_its_asker_once() -> None:
    body = grown(begun("ann", "one"), "two")
    assert body == f"@ann{PARTED}one{PARTED}two"
    assert begun("ann@moby/all", "one") == "one"


def test_what_a_comment_says_already_it_says_no_second_time() -> None:
    body = begun("ann", part_of("one"))
    assert grown(body, part_of("(again) one")) == body
    assert grown(body, part_of("(again) two")) == f"{body}{PARTED}two"
    assert grown(begun("ann", part_of("(again) one")), part_of("one")) == body


def test_a_comment_never_outgrows_github() -> None:
    body = begun("ann", part_of("the first"))
    for number in range(30):
        body = grown(body, part_of(f"{number} " + "x" * 5000))
        assert len(body) <= MAX_BODY_CHARS
    assert body.startswith(f"@ann{PARTED}{EARLIER}{PARTED}")
    assert "29 x" in body
    assert "the first" not in body


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("x" * 100_000, id="one-word"),
        pytest.param("@" * 100_000, id="in-backquotes"),
        pytest.param(Card("log", tuple(f"{n}: {'`' * 40}{'y' * 400}" for n in range(100))), id="a-fence"),
    ],
)
def test_what_is_very_long_is_cut_and_leaves_nothing_open(words: str | Card) -> None:
    part = part_of(words)
    assert len(part) <= MAX_BODY_CHARS / 3
    assert shown(f"{part}\n\nbehind").endswith("behind")
    assert "behind" not in "".join(
        token.content for token in MARKDOWN.parse(f"{part}\n\nbehind") if token.type == "fence"
    )


async def test_answers_to_one_comment_are_one_comment_in_the_order_in_which_they_were_said() -> None:
    forge = FakeForge()
    chat = GitHubChat(forge, "gordon")
    for words in ("one", "two"):
        await chat.send(PLACE, words)
    assert forge.marked[REF, "answer:42"].body == f"@ann{PARTED}one{PARTED}two"


async def test_an_answer_whose_acknowledgement_was_lost_is_not_written_twice() -> None:
    """F29: GitHub did it and did not say so; and it is left alone while it may still be at it."""
    forge = FakeForge()
    forge.answers.append(LOST)
    chat = GitHubChat(forge, "gordon")
    with pytest.raises(Unavailable):
        await chat.send(PLACE, "one")
    assert not chat.connected()
    await chat.send(PLACE, "(again) one")
    assert forge.written == [f"post @ann{PARTED}one"]


async def test_what_another_process_may_have_on_its_way_is_waited_for() -> None:
    """F29: its request may be under way for as long as one may."""
    forge = FakeForge(deadline_s=0.2)
    chat = GitHubChat(forge, "gordon")
    began_s = time.monotonic()
    with pytest.raises(Unavailable):
        await chat.send(PLACE, "(again) one")
    assert chat.connected()
    await chat.send(PLACE, "two")
    assert time.monotonic() - began_s < 0.2, "only that one waits"


@pytest.mark.parametrize(
    ("place", "error"),
    [
        pytest.param(Place("github", "#moby"), None, id="no-pull-request"),
        pytest.param(Place("github", "#7"), None, id="of-no-repository"),
        pytest.param(PLACE, UserError("it is gone"), id="gone"),
        pytest.param(PLACE, Refused("GitHub", "no right"), id="no-right"),
    ],
)
async def test_what_no_waiting_mends_is_refused(place: Place, error: UserError | Refused | None) -> None:
    forge = FakeForge()
    if error is not None:
        forge.answers.append(error)
    with pytest.raises(Refused):
        await GitHubChat(forge, "gordon").send(place, "one")


async def test_after_each_failure_github_is_left_alone_for_longer() -> None:
    """F43: the outbox tries twice a second otherwise."""
    forge = FakeForge()
    forge.troubles.extend([no_answer(), no_answer()])
    chat = GitHubChat(forge, "gordon")
    for _ in range(2):
        with pytest.raises(Unavailable):
            await chat.send(PLACE, "one")
    assert chat._pause_s == 2.0
    await chat.send(PLACE, "one")
    assert chat.connected() is False
    assert chat._pause_s == 0.0
