"""Text for Slack: nothing in it calls, leads astray or hides, and what is too long is cut where a reader would."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.adapters.slack_text import (
    MORE,
    URL_CHARS,
    clean,
    cut,
    escape,
    is_address,
    one_line,
    parts,
    unescape,
    units,
)


def escaped(text: str) -> int:
    """Count text as Slack's markup has it."""
    return units(escape(text))


ANY = st.text(st.characters(exclude_categories=()), max_size=300)
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
GERMANY, FRANCE = "\U0001f1e9\U0001f1ea", "\U0001f1eb\U0001f1f7"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain words: 100 % [x] é 漢", "plain words: 100 % [x] é 漢", id="what-is-harmless-stays"),
        pytest.param("abc\u202edef\u2066g\u061ch", "abcdefgh", id="direction"),
        pytest.param("<!chan\u200bnel>\ufeff \u2060x\u00ad", "<!channel> x", id="no-width"),
        pytest.param("a\U000e0041\U000e007fb", "ab", id="tags"),
        pytest.param("\x1b[31mred\x1b[0m \x1b]0;title\x07x", "red x", id="colours-of-a-terminal"),
        pytest.param("a\x00b\x07c\x9bd\ud800e", "a\ufffdb\ufffdc\ufffdd\ufffde", id="controls-are-seen"),
        pytest.param("a\r\nb\rc\u2028d\x0be", "a\nb\nc\nd\ne", id="every-break-is-one"),
        pytest.param(FAMILY, FAMILY, id="a-joined-emoji"),
    ],
)
def test_what_turns_or_hides_text_is_gone(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_text_on_one_line_has_no_breaks_and_no_wide_gaps() -> None:
    assert one_line(" a\n\n<!channel\n>\t b\u2029c ") == "a <!channel > b c"


@given(ANY)
@example("&lt;!channel&gt;")
@example("<<!here>>&amp;")
def test_what_is_escaped_once_is_read_as_it_was_and_has_no_token(text: str) -> None:
    assert unescape(escape(text)) == text
    assert not set("<>") & set(escape(text))


@given(ANY, st.integers(1, 60))
@example("&&&&&&", 7)
@example(FAMILY * 3, 9)
@example("\U0001f600" * 9, 8)
@example("e" + "\u0301" * 500, 20)
@example("\u0301" * 500, 20)
def test_what_is_cut_fits_and_begins_as_the_text_does(text: str, at_most: int) -> None:
    for measured in (units, escaped):
        short = cut(text, at_most, measured)
        assert measured(short) <= at_most
        if short != text:
            assert short.endswith(MORE)
            assert text.startswith(short.removesuffix(MORE))


@pytest.mark.parametrize(
    ("text", "at_most", "short"),
    [
        pytest.param("one two three", 13, "one two three", id="fits"),
        pytest.param("one two three", 12, "one two…", id="before-a-word"),
        pytest.param("one twothreefour", 12, "one twothre…", id="no-space-near"),
        pytest.param("e\u0301e\u0301e\u0301", 4, "e\u0301…", id="accents-stay"),
        pytest.param(FAMILY + FAMILY, 12, FAMILY + MORE, id="a-family-stays-together"),
        pytest.param(GERMANY + FRANCE + FRANCE, 7, GERMANY + MORE, id="flags-are-two-letters"),
        pytest.param("\U0001f44d\U0001f3fd\U0001f44d\U0001f3fd", 7, "\U0001f44d\U0001f3fd…", id="skin-tone"),
    ],
)
def test_cuts_fall_where_a_reader_would_have_them(text: str, at_most: int, short: str) -> None:
    assert cut(text, at_most) == short


def test_an_escape_is_never_cut_in_its_middle() -> None:
    assert [escape(cut("a&&&&", room, escaped)) for room in (6, 7, 11, 12)] == [
        "a…",
        "a&amp;…",
        "a&amp;…",
        "a&amp;&amp;…",
    ]


def test_characters_beyond_the_first_plane_count_twice() -> None:
    assert (units("a漢"), units("\U0001f600")) == (2, 2)


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        pytest.param("at https://ci.test/job/7/, then", ["https://ci.test/job/7/"], id="without-the-comma"),
        pytest.param("(https://ci.test/a_(b)).", ["https://ci.test/a_(b)"], id="own-brackets-stay"),
        pytest.param("[http://ci.test/x]", ["http://ci.test/x"], id="square"),
        pytest.param('by "see https://evil.test/x" https://ci.test/', ["https://ci.test/"], id="quoted-by-others"),
        pytest.param("https://ci.test/ü and https://mün.test/", [], id="not-ascii"),
        pytest.param("<https://evil.test|https://ci.test>", ["https://evil.test", "https://ci.test"], id="label"),
        pytest.param("javascript:alert(1) ftp://x file:///etc", [], id="not-of-the-web"),
        pytest.param("https://ci.test/" + "a" * URL_CHARS, [], id="too-long"),
    ],
)
def test_addresses_are_links_to_what_they_say(text: str, addresses: list[str]) -> None:  # A15
    found = list(parts(text))
    assert [part for part, is_url in found if is_url] == addresses
    assert "".join(part for part, _ in found) == text


@pytest.mark.parametrize("text", ["https://" * 20_000 + "\u00fc", "https://ci.test/" + ")" * 50_000])
def test_what_would_be_many_addresses_is_read_at_once(text: str) -> None:
    """All of Gordon waits for it."""
    began_s = time.process_time()
    assert "".join(part for part, _ in parts(text)) == text
    assert time.process_time() - began_s < 1


@given(ANY)
def test_the_parts_of_a_text_are_the_text(text: str) -> None:
    assert "".join(part for part, _ in parts(text)) == text
    assert all(part for part, _ in parts(text))


@pytest.mark.parametrize("url", ["", "https://", "https://x y", "ftp://x", 'https://x"', "https://x|y", "https://é"])
def test_what_is_no_address_is_none(url: str) -> None:
    assert not is_address(url)
