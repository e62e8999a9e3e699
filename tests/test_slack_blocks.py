"""Cards as blocks: within Slack's limits whatever a card holds, all of it said, and nobody called by what others wrote.

What is within the limits is told by two witnesses: slack_sdk's models, and the Slack on loopback.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block as Witness

from bot.adapters.slack_blocks import (
    DIGEST_CHARS,
    FALLBACK_CHARS,
    NO_WORDS,
    PRESS,
    QUOTE_LINES,
    Pressed,
    blocks_of,
    digest_of,
    disabled,
    fallback,
    preview_of,
    quote_fits,
    read_value,
)
from bot.adapters.slack_text import MORE, escape, one_line, unescape, units
from bot.chat import Blank, Button, Card, Form, Tone, Words
from bot.demo.slack import moby
from bot.demo.slack.block_kit import check_blocks
from bot.demo.slack.double import SlackDouble
from tests.slack_double_rig import client_of

FUZZ = max(1000, int(os.environ.get("GORDON_FUZZ", "5000")))
ALL_TOGETHER = 11_300  # from about here on msg_blocks_too_long was met
URL = "https://ci.test/job/7/"
TOKENS = (
    "<!channel>",
    "<!here>",
    f"<@{moby.JESS}>",
    f"<!subteam^{moby.MAINTAINERS_GROUP}>",
    "@everyone",
    "@here",
    "<https://evil.test|docs>",
)
HOSTILE = [
    *TOKENS,
    *(f"{token[:3]}\n{token[3:]}" for token in TOKENS),
    *(f"{token[:2]}\u200b{token[2:]}" for token in TOKENS),
    *(escape(token) for token in TOKENS),
    "*bold* _italic_ ~gone~ `code` ```block``` > quote",
    "\u202egnp.exe",
]

text = st.text(st.characters(exclude_categories=()), max_size=60) | st.sampled_from(HOSTILE)
long = text | st.builds(lambda one, times: one * times, text, st.integers(0, 500))
forms = st.builds(Form, text, text, st.lists(st.builds(Blank, text, text), max_size=3).map(tuple))
buttons = st.builds(Button, long, long, st.none() | forms)
cards = st.builds(
    Card,
    title=long,
    lines=st.lists(long, max_size=100).map(tuple),
    fields=st.dictionaries(long, long, max_size=100),
    buttons=st.lists(buttons, max_size=100).map(tuple),
    url=long | st.just(URL) | st.integers(0, 4_000).map(lambda count: URL + "x" * count),
    tone=st.sampled_from(Tone),
    quote=long,
)
small = st.builds(
    Card, text, st.lists(text, max_size=8).map(tuple), st.dictionaries(text, text, max_size=8), url=st.just(URL)
)
FULL = Card(
    "moby#7: janky failed",
    ("TestRun", f"more at {URL}log"),
    {"node": "lnx-3", "cause": "dm-error"},
    (Button("Rebuild failed", "rebuild moby#7 failed"), Button("Show log", "log docker-prs#12")),
    URL,
    Tone.BAD,
)

LARGE = Card(
    '"' * 9_000,
    ("\\" * 9_000,) * 100,
    {f"fact {n}": '"' * 600 for n in range(100)},
    tuple(Button("x" * 90, f"rebuild {n}") for n in range(100)),
    URL + "x" * 2_900,
    quote='"\n' * 9_000,
)


def elements(value: Any) -> Iterator[dict[str, Any]]:
    """Walk over all objects in blocks, the outer before the inner."""
    if isinstance(value, dict):
        if "type" in value:  # a style has none
            yield value
        for inner in value.values():
            yield from elements(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from elements(inner)


def seen(blocks: Sequence[dict[str, Any]]) -> str:
    """Read what people see, a line for each piece that is apart."""
    told = []
    for block in blocks:
        for one in elements(block):
            if one["type"] in ("rich_text_section", "rich_text_preformatted"):
                told.append("".join(inner.get("text") or inner.get("url") or "" for inner in one["elements"]))
            elif one["type"] in ("plain_text", "mrkdwn"):
                told.append(one["text"])
    return "\n".join(told)


def buttons_of(blocks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in elements(list(blocks)) if one["type"] == "button"]


MANY = ", ".join(["U0TIANON", "<" * 999] * 99)


@settings(max_examples=FUZZ // 125)
@given(cards | long, st.sampled_from(["", "U0TIANON", "T0OTHER/U0GUEST", "tianon", "<!here>", MANY]))
@example(Card(""), "")
@example(Card("", ("",), {"": ""}, (Button("", ""),)), "")
@example(LARGE, "U0TIANON")
@example("\U0001f600" * 20_000, "U0TIANON")
@example(f"({URL})" * 900, "U0TIANON")
def test_whatever_is_said_is_within_the_limits(words: Words, to: str) -> None:
    blocks, said = blocks_of(words, to=to), fallback(words, to=to)
    check_blocks(blocks, "message")
    for block in Witness.parse_all(blocks):
        block.validate_json()
    assert units(json.dumps(blocks, ensure_ascii=False)) <= ALL_TOGETHER
    assert 0 < units(said) <= FALLBACK_CHARS
    ids = [one["action_id"] for one in elements(blocks) if "action_id" in one]
    assert len(set(ids)) == len(ids)
    assert all("text" not in one or one["text"] for one in elements(blocks))
    json.dumps([blocks, said], ensure_ascii=False).encode()


@settings(max_examples=FUZZ // 125)
@given(cards)
def test_nothing_of_a_card_is_marked_up_or_calls_anybody(card: Card) -> None:  # A15
    kinds = {one["type"] for one in elements(blocks_of(card))}
    assert not kinds & {"mrkdwn", "markdown", "user", "usergroup", "broadcast", "channel"}
    links = [one for one in elements(blocks_of(card)) if one["type"] == "link"]
    assert all(one["url"] == card.url or "text" not in one for one in links)
    assert not set("<>") & set(fallback(card))


@settings(max_examples=FUZZ // 125)
@given(cards | long)
def test_under_a_link_all_is_plain_and_within_the_limits(words: Words) -> None:  # A15
    blocks = preview_of(words)
    check_blocks(blocks, "unfurl")
    assert {one["type"] for one in elements(blocks)} == {"section", "plain_text"}


def test_under_a_link_stands_what_a_card_tells_and_its_news() -> None:
    [told, facts] = preview_of(FULL)
    assert told["text"]["text"].split("\n") == [f"\u274c {FULL.title}", *FULL.lines]
    assert [one["text"] for one in facts["fields"]] == ["node: lnx-3", "cause: dm-error"]
    assert preview_of("one\n\ntwo")[0]["text"]["text"] == "one\ntwo"


@given(small)
def test_every_fact_that_irc_would_say_is_there(card: Card) -> None:
    told = one_line(seen(blocks_of(card)))
    facts = [card.title, *card.lines, *(f"{one_line(name)}: {one_line(value)}" for name, value in card.fields.items())]
    assert all(one_line(fact) in told for fact in facts)
    assert unescape(fallback(card)) == one_line(card.one_line())


@pytest.mark.parametrize("token", HOSTILE)
def test_what_others_wrote_is_shown_as_they_wrote_it(token: str) -> None:  # A15
    card = Card(token, (token, token), {"test": token}, (Button(token, "ping"),), quote=token)
    shown, plain = seen(blocks_of(card)), one_line(token)
    assert shown.count(plain) >= 5 - token.count("\n")  # a quote alone keeps its lines
    assert unescape(fallback(card)).count(plain) == 4


def test_what_is_long_says_how_much_is_missing() -> None:
    blocks = blocks_of(Card("all", tuple(f"line {n}: {'x' * 200}" for n in range(100))))
    listed = next(one for one in elements(blocks) if one["type"] == "rich_text_list")["elements"]
    assert seen(blocks).split("\n")[-1] == f"… and {100 - len(listed) + 1} more"
    assert seen(blocks).split("\n")[-2].startswith(f"line {len(listed) - 2}: ")


def test_many_facts_stand_in_tens_and_say_how_many_are_missing() -> None:
    blocks = blocks_of(Card("all", fields={f"fact {n}": "x" for n in range(100)}))
    rows = [block["fields"] for block in blocks if block["type"] == "section"]
    shown = sum(map(len, rows)) - 1
    assert len(rows[0]) == 10
    assert rows[-1][-1]["text"] == f"… and {100 - shown} more"


def test_a_title_leads_to_its_address_and_news_shows_an_emoji() -> None:
    [emoji, _, link] = blocks_of(FULL)[0]["elements"][0]["elements"]
    assert emoji == {"type": "emoji", "name": "x"}
    assert link == {"type": "link", "url": URL, "text": FULL.title, "style": {"bold": True}}
    assert "emoji" not in {one["type"] for one in elements(blocks_of(replace(FULL, tone=Tone.PLAIN)))}


def test_an_address_that_is_none_is_shown_and_leads_nowhere() -> None:
    blocks = blocks_of(Card("title", url="javascript:alert(1)"))
    assert seen(blocks) == "title javascript:alert(1)"
    assert "link" not in {one["type"] for one in elements(blocks)}


def test_whoever_is_answered_is_called_and_nobody_else() -> None:
    blocks = blocks_of(FULL, to="T0OTHER/U0GUEST")
    assert blocks[0]["elements"][0]["elements"][0] == {"type": "user", "user_id": "U0GUEST"}
    assert fallback("done", to="U0TIANON") == "<@U0TIANON> done"


def test_of_several_whom_words_are_for_those_are_called_whom_slack_knows() -> None:
    """A15: who is known by a name of theirs is named, which calls nobody."""
    to = "U0TIANON, T0OTHER/U0GUEST, jess, <!here>"
    first, *_ = blocks_of("done", to=to)[0]["elements"]
    assert [one.get("user_id", one.get("text")) for one in first["elements"]] == [
        "U0TIANON", " ", "U0GUEST", " ", "jess, <!here>: ", "done",
    ]  # fmt: skip
    assert fallback("done", to=to) == "<@U0TIANON> <@U0GUEST> jess, &lt;!here&gt;: done"


def test_plain_words_keep_their_lines_and_links() -> None:
    [block] = blocks_of(f"first\nsecond {URL}")
    assert seen([block]) == f"first\nsecond {URL}"
    assert [one["url"] for one in elements(block) if one["type"] == "link"] == [URL]
    assert seen(blocks_of("  ")) == fallback("  ") == NO_WORDS


def test_what_is_for_a_button_alone_is_not_in_the_fallback() -> None:  # A32
    card = Card("this would rebuild 40", brief="say: confirm abc", buttons=(Button("Confirm", "confirm abc"),))
    assert "abc" not in fallback(card) + seen(blocks_of(card))


@pytest.mark.parametrize(
    ("quote", "fits"),
    [
        pytest.param("", True, id="none"),
        pytest.param("a\n\n  b\tc\n", True, id="short"),
        pytest.param("x\n" * QUOTE_LINES, True, id="as-many-as-may-be"),
        pytest.param("x\n" * (QUOTE_LINES + 1), False, id="too-many"),
        pytest.param("x" * 4_000, False, id="too-long"),
    ],
)
def test_a_quote_that_is_cut_wants_a_file(quote: str, fits: bool) -> None:
    card = Card("log", quote=quote)
    found = [one["elements"][0]["text"] for one in elements(blocks_of(card)) if one["type"] == "rich_text_preformatted"]
    assert quote_fits(card) == fits
    assert found == ([quote.expandtabs(4).rstrip()] if fits else found) if quote else not found
    assert fits or found[0].endswith(MORE)


def test_a_button_tells_its_command_the_state_of_its_card_and_its_form() -> None:
    form = Form("Known flake", "known add", (Blank("id", "Name", choices=("a", "<b>")),))
    card = replace(FULL, buttons=(*FULL.buttons, Button("Known flake…", "known add", form)))
    shown = buttons_of(blocks_of(card))
    digest = digest_of(card)
    assert [one["text"]["text"] for one in shown] == ["Rebuild failed", "Show log", "Known flake…"]
    assert [read_value(one["value"]) for one in shown] == [
        Pressed("rebuild moby#7 failed", digest),
        Pressed("log docker-prs#12", digest),
        Pressed("known add", digest, form),
    ]
    assert all(unescape(escape(one["value"])) == one["value"] == escape(one["value"]) for one in shown)
    assert all(one["action_id"].startswith(PRESS) for one in shown)


def test_each_state_of_a_card_has_a_digest_of_its_own() -> None:
    states: list[Words] = [FULL, replace(FULL, title="x"), replace(FULL, lines=()), replace(FULL, fields={}), "words"]
    assert len({digest_of(state) for state in states}) == len(states)
    assert digest_of(FULL) == digest_of(replace(FULL, fields=dict(FULL.fields)))
    assert len(digest_of(FULL)) == DIGEST_CHARS


@pytest.mark.parametrize(
    "command",
    ["", " ", "rebuild\n7", "rebuild \u202e7", "rebuild\u200b 7", "x" * 2_000, "rebuild \ud800"],
)
def test_what_nobody_would_see_or_is_too_long_is_no_button(command: str) -> None:
    assert not buttons_of(blocks_of(Card("t", buttons=(Button("Go", command),))))


@pytest.mark.parametrize(
    ("command", "is_danger"),
    [
        ("confirm abc", True),
        ("cancel moby#7", True),
        ("node lnx-3 offline broken", True),
        ("known remove dm-error", True),
        ("rebuild moby#7", False),
        ("log cancel#1", False),
        ("node offline", False),
        ("cancelled", False),
    ],
)
def test_what_cannot_be_taken_back_is_red(command: str, is_danger: bool) -> None:
    [shown] = buttons_of(blocks_of(Card("t", buttons=(Button("Go", command),))))
    assert (shown.get("style") == "danger") == is_danger


GOOD_VALUE = json.dumps({"command": "ping", "digest": "0" * DIGEST_CHARS})


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("rebuild 7", id="no-json"),
        pytest.param("[]", id="a-list"),
        pytest.param('{"command": "ping"}', id="no-digest"),
        pytest.param(GOOD_VALUE.replace("0000", "000"), id="short-digest"),
        pytest.param(GOOD_VALUE.replace("0", "G"), id="no-digest-at-all"),
        pytest.param(GOOD_VALUE.replace('"ping"', "7"), id="a-number"),
        pytest.param(GOOD_VALUE.replace("ping", " "), id="no-command"),
        pytest.param(GOOD_VALUE.replace("ping", r"ping\nrebuild"), id="two-lines"),
        pytest.param(GOOD_VALUE.replace("ping", "\u202eping"), id="turned"),
        pytest.param(GOOD_VALUE.replace("ping", "\ud800"), id="half-a-character"),
        pytest.param(GOOD_VALUE.replace("ping", "p" * 2_000), id="too-long"),
        pytest.param("[" * 1_999, id="deep"),
    ],
)
def test_a_value_that_is_none_of_ours_is_none(value: str) -> None:
    assert read_value(GOOD_VALUE) == Pressed("ping", "0" * DIGEST_CHARS)
    assert read_value(value) is None


@given(st.text(st.characters(exclude_categories=()), max_size=80))
def test_no_value_whatever_it_is_makes_reading_fail(value: str) -> None:
    read_value(value)


def handed_back(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give blocks as Slack hands them back: named, and plain text escaped."""
    back: list[dict[str, Any]] = json.loads(json.dumps(blocks))
    for number, block in enumerate(back):
        block["block_id"] = f"b{number}"
    for one in elements(back):
        if one["type"] == "plain_text":
            one["text"] = escape(one["text"])
    return back


def test_a_button_that_was_pressed_is_gone_and_who_pressed_is_told() -> None:
    card = replace(FULL, fields={"cause": "a<b&c"}, buttons=(Button("Rebuild <all>", "rebuild 7"), FULL.buttons[1]))
    blocks = blocks_of(card)
    once = disabled(handed_back(blocks), "press.0", "T0MOBY/U0TIANON")
    assert once[: len(blocks) - 1] == blocks[:-1]
    assert [one["action_id"] for one in buttons_of(once)] == ["press.1"]
    assert seen(once[-1:]) == "Rebuild <all>: pressed by\n<@U0TIANON>"
    twice = disabled(handed_back(once), "press.1", "nobody")
    assert not buttons_of(twice)
    assert seen(twice).endswith("Show log: pressed by\nsomebody\nRebuild <all>: pressed by\n<@U0TIANON>")
    check_blocks(twice, "message")
    assert disabled(handed_back(twice), "press.0", "U0TIANON") == twice


@settings(max_examples=FUZZ // 250)
@given(cards)
def test_blocks_with_all_buttons_pressed_are_within_the_limits(card: Card) -> None:
    blocks = blocks_of(card)
    for button in buttons_of(blocks):
        blocks = disabled(handed_back(blocks), button["action_id"], "U0TIANON")
    check_blocks(blocks, "message")
    assert not buttons_of(blocks)


async def test_slack_notifies_nobody_but_whom_gordon_answers() -> None:  # A15
    async with SlackDouble() as slack:
        client, pings = client_of(slack), slack.workspace("moby").pings
        for token in TOKENS[:4]:
            await client.chat_postMessage(channel=moby.DOCKER_DEV, text=token)
        assert {ping.word for ping in pings} == set(TOKENS[:4]), "each would notify somebody as it is"
        pings.clear()
        for token in HOSTILE:
            card = Card(token, (token,), {"test": token}, (Button(token, "ping"),), quote=token)
            for words in (card, token):
                said, blocks = fallback(words, to=moby.TIANON), blocks_of(words, to=moby.TIANON)
                await client.chat_postMessage(channel=moby.DOCKER_DEV, text=said, blocks=blocks)
    assert {ping.whom for ping in pings} == {moby.TIANON}
