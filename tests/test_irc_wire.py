"""What goes out on IRC, cut and cleaned; whom a line addresses; how names compare."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters import irc_wire as wire
from bot.adapters.backoff import Backoff
from bot.chat import Tone

ANY_TEXT = st.text(st.characters())  # lone surrogates, too
NASTY = st.text(st.sampled_from("a ü€😀\r\n\0\x01\x03\x1b\u2028\u2029\u202e\x85\ud800,0123"))


@given(ANY_TEXT | NASTY)
def test_sanitised_text_has_no_controls_and_encodes(text: str) -> None:
    clean = wire.sanitise(text)
    assert not set(clean) & set("\r\n\0\x01\x02\x03\x0f\x1b\x7f\x85\u2028\u2029\u202e\u2066")
    assert not any(ord(char) < 32 for char in clean)
    clean.encode()
    assert wire.sanitise(clean) == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        pytest.param("plain ü €", "plain ü €", id="plain"),
        pytest.param("x\r\nQUIT :y", "x␍␊QUIT :y", id="crlf"),
        pytest.param("x\rPRIVMSG", "x␍PRIVMSG", id="bare-cr"),
        pytest.param("\x00", "␀", id="nul"),
        pytest.param("\x01ACTION x\x01", "␁ACTION x␁", id="ctcp"),
        pytest.param("\x1b]8;;http://x\x07y", "␛]8;;http://x␇y", id="osc"),
        pytest.param("\x0304,12red\x03 \x02bold\x0f \x04ff0000hex", "red bold hex", id="formatting"),
        pytest.param("user\u202egnp.exe\u2066", "usergnp.exe", id="bidi"),
        pytest.param("a\u2028b\u2029c\x85d", "a\u2424b\u2424c\u2424d", id="line-separators"),
        pytest.param("\ud800\x9b", "\ufffd\ufffd", id="surrogate-and-c1"),
        pytest.param("a\tb\x7f", "a b␡", id="tab-and-delete"),
    ],
)
def test_controls_become_marks_or_nothing(text: str, clean: str) -> None:
    """A13, A14: what outsiders write is one line without power over the server or the reader."""
    assert wire.sanitise(text) == clean


@given(ANY_TEXT | NASTY, st.integers(4, 60))
def test_pieces_are_the_text_and_fit(text: str, budget: int) -> None:
    clean = wire.sanitise(text)
    pieces = wire.split(clean, budget)
    assert "".join(pieces) == clean
    assert all(0 < len(piece.encode()) <= budget for piece in pieces)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        pytest.param("one two three four", ["one two", " three", " four"], id="words"),
        pytest.param("one two six four", ["one two", " six four"], id="space-at-the-border"),
        pytest.param("one two    three", ["one two", "    three"], id="several-spaces"),
        pytest.param("a bcdefghijklm", ["a bcdefgh", "ijklm"], id="too-far"),
        pytest.param(" " * 12, [" " * 9, " " * 3], id="nothing-else"),
    ],
)
def test_pieces_end_before_a_space_where_one_is_near(text: str, pieces: list[str]) -> None:
    assert wire.split(text, 9) == pieces


def test_a_budget_too_small_for_a_character_is_an_error() -> None:
    with pytest.raises(ValueError, match="no room"):
        wire.split("x", 3)


@given(NASTY, st.integers(4, 60))
def test_messages_are_few_and_single(text: str, room: int) -> None:
    found = wire.messages(text, room)
    assert len(found) <= wire.MAX_MESSAGES + 1
    assert all("\n" not in line and "\r" not in line for line in found)


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        pytest.param("1\r\n2\n\n3", ["1", "2", "3"], id="as many as may be"),
        pytest.param("1\n2\n3\n4\n5", ["1", "2", "3", "… and 2 more"], id="whole lines"),
        pytest.param("x" * 24, ["x" * 8] * 3, id="one long line that fits"),
        pytest.param("x" * 100_000, ["x" * 8] * 3 + ["… and 99,976 more characters"], id="F39 one endless line"),
        pytest.param(
            "1\n" + "x" * 20 + "\nend", ["1", "x" * 8, "x" * 8, "… and 7 more characters"], id="cut within a line"
        ),
    ],
)
def test_what_is_beyond_the_third_message_is_counted(text: str, messages: list[str]) -> None:
    assert wire.messages(text, 8) == messages


def test_budget_and_prefix_fill_the_line() -> None:
    prefix = "gordon!~gordon@höst"
    room = wire.budget(prefix, "#chan")
    assert len(f":{prefix} PRIVMSG #chan :{'x' * room}\r\n".encode()) == 512
    assert wire.budget(wire.longest_prefix("gordon"), "#chan") < room
    assert wire.budget(prefix, "#chan", "NOTICE") == room + 1


@pytest.mark.parametrize(
    ("text", "private", "words"),
    [
        pytest.param("!rebuild 7", False, "rebuild 7", id="prefix"),
        pytest.param("  !rebuild 7  ", False, "rebuild 7", id="spaces"),
        pytest.param("gordon: rebuild 7", False, "rebuild 7", id="name-colon"),
        pytest.param("Gordon, rebuild", False, "rebuild", id="name-comma"),
        pytest.param("gordon:rebuild", False, "rebuild", id="name-tight"),
        pytest.param("gordon: !rebuild 7", False, "rebuild 7", id="both"),
        pytest.param("rebuild 7", True, "rebuild 7", id="private"),
        pytest.param("!rebuild 7", True, "rebuild 7", id="private-prefix"),
        pytest.param("rebuild 7", False, None, id="talk"),
        pytest.param("gordon rebuild", False, None, id="about-it"),
        pytest.param("gordons: x", False, None, id="other-name"),
        pytest.param("say !rebuild", False, None, id="quoted"),
        pytest.param("!!!", False, None, id="exclamation"),
        pytest.param("! what", False, None, id="spaced"),
        pytest.param("!", True, None, id="prefix-alone"),
        pytest.param("gordon:", False, None, id="name-alone"),
        pytest.param("", True, None, id="empty"),
    ],
)
def test_addressed(text: str, private: bool, words: str | None) -> None:
    assert wire.addressed(text, ["gordon_", "gordon"], "!", private=private) == words


@pytest.mark.parametrize("private", [False, True], ids=["channel", "private"])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("<alice> !rebuild 7", id="a bridge"),
        pytest.param("[alice] !rebuild 7", id="another bridge"),
        pytest.param("<@alice> rebuild 7", id="a pasted line"),
        pytest.param("<a[l]ice> gordon: rebuild 7", id="a nick with brackets"),
        pytest.param("> !rebuild 7", id="a quote"),
        pytest.param(">  gordon: rebuild 7", id="a quote of words to us"),
        pytest.param("gordon: <alice> !rebuild 7", id="a bridge to us"),
        pytest.param("gordon: > !rebuild 7", id="a quote to us"),
        pytest.param("<alice>", id="nothing but a name"),
    ],
)
@pytest.mark.parametrize("prefix", ["!", ">", "<", "[", ""])
def test_what_others_said_is_not_addressed(text: str, prefix: str, private: bool) -> None:
    """A17: whatever begins commands here."""
    assert wire.addressed(text, ["gordon"], prefix, private=private) is None


@pytest.mark.parametrize(
    ("mapping", "folded"),
    [
        pytest.param("rfc1459", "ab{}|^Ä", id="rfc1459"),
        pytest.param("strict-rfc1459", "ab{}|~Ä", id="strict"),
        pytest.param("ascii", "ab[]\\~Ä", id="ascii"),
        pytest.param("rfc7613", "ab[]\\~Ä", id="unknown"),
        pytest.param("", "ab[]\\~Ä", id="empty"),
    ],
)
def test_names_compare_as_the_network_says(mapping: str, folded: str) -> None:
    assert wire.casemap("Ab[]\\~Ä", mapping) == folded


def test_names_compare_by_rfc1459_until_the_network_says() -> None:
    assert wire.casemap("Ab[]\\~Ä") == "ab{}|^Ä"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("alice did it", "a~lice did it", id="a-word"),
        pytest.param("(ALICE), alice's; x-alice", "(A~LICE), a~lice's; x-a~lice", id="within-signs"),
        pytest.param("malice alices", "malice alices", id="part-of-a-word"),
        pytest.param("al[ce] al", "a~l[ce] al", id="signs-of-a-nick"),
        pytest.param("http://ci/job/alice/7 bob", "http://ci/job/alice/7 b~ob", id="a-link"),
        pytest.param("x://alice/bob/alice", "x://a~lice/b~ob/a~lice", id="A16-a-link-of-many"),
        pytest.param("alice/bob,alice:bob|alice", "a~lice/b~ob,a~lice:b~ob|a~lice", id="A16-no-spaces"),
        pytest.param("c is one", "c is one", id="one-letter"),
    ],
)
def test_names_of_people_who_are_there_ping_nobody(text: str, said: str) -> None:
    """A16, ~ for the space without width."""
    there = {"alice", "bob", "al[ce]", "c"}
    assert wire.without_pings(text, lambda name: name.lower() in there).replace("\u200b", "~") == said
    assert wire.sanitise(wire.without_pings(text, lambda name: name.lower() in there)) == text, "it can be said back"


def test_a_title_with_fifty_nicks_pings_none_of_them() -> None:
    """A16: however many are there, and wherever the line is cut."""
    there = [f"person{number}" for number in range(50)]
    said = wire.messages(" ".join(there), 200, there.__contains__, "alice: ")
    assert said[0].startswith("alice: p\u200berson0 ")
    assert [word for line in said for word in line.split() if word in there] == []


def test_who_is_answered_is_named_whole_whoever_else_is_there() -> None:
    """A16: somebody took the first half of the name."""
    assert wire.messages("hello, alice", 100, lambda name: name == "alice", "alice_away: ") == [
        "alice_away: hello, a\u200blice"
    ]
    assert wire.messages("", 100, to="alice: ") == ["alice: "]


@pytest.mark.parametrize("piece", ["7 passed", ",5", "x"])
@pytest.mark.parametrize("tone", Tone)
def test_a_colour_has_the_bytes_that_are_kept_for_it(piece: str, tone: Tone) -> None:
    coloured = wire.coloured(piece, tone)
    assert len(coloured) - len(piece) <= wire.COLOUR_BYTES
    assert wire.sanitise(coloured) == piece


@given(st.lists(st.from_regex(r"#[a-z]{1,60}", fullmatch=True), max_size=60))
def test_packed_words_are_all_there_and_each_group_fits(words: list[str]) -> None:
    groups = list(wire.packed(words))
    assert [word for group in groups for word in group] == words
    assert all(0 < len(group) <= wire.MAX_IN_ONE_LINE for group in groups)
    assert all(len(" ".join(group)) <= wire.ROOM_IN_ONE_LINE for group in groups)


@pytest.mark.parametrize(
    ("time", "at"),
    [
        pytest.param("2014-07-01T12:00:00.250Z", datetime(2014, 7, 1, 12, 0, 0, 250_000, UTC), id="as-specified"),
        pytest.param("2014-07-01T12:00:00Z", datetime(2014, 7, 1, 12, tzinfo=UTC), id="whole-seconds"),
        pytest.param("2014-07-01T12:00:00", None, id="of-nowhere"),
        pytest.param("2014-13-01T12:00:00Z", None, id="no-month"),
        pytest.param("12345678", None, id="a-number"),
        pytest.param("", None, id="empty"),
    ],
)
def test_times_of_lines(time: str, at: datetime | None) -> None:
    assert wire.said_at(time) == at


@pytest.mark.parametrize("nick", ["alice", "[al|ce]", "alice-7", "Ünal"])
def test_nicks(nick: str) -> None:
    assert wire.is_nick(nick)


@pytest.mark.parametrize(
    "nick", ["", "#chan", "a b", "a,b", ":a", "*", "a@b", "irc.example.org", "a\r", "7up", "$$x", "@#c", "a\0"]
)
def test_no_nicks(nick: str) -> None:
    assert not wire.is_nick(nick)


@given(st.from_regex(r"[a-z][a-z0-9_]{0,29}", fullmatch=True))
def test_alternates_differ_and_are_no_longer(nick: str) -> None:
    others = list(wire.alternates(nick))
    assert others
    assert nick not in others
    assert len(set(others)) == len(others)
    assert all(wire.is_nick(other) and len(other) <= max(9, len(nick)) for other in others)
    assert len({other[:9] for other in others} - {nick[:9]}) >= 9, "where nicks are cut they differ too"


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_pauses_double_within_their_bounds(chance: float) -> None:
    pauses = Backoff()
    taken = [pauses.pause_s(chance) for _ in range(10)]
    assert taken == sorted(taken)
    assert all(1.0 <= pause_s <= 60.0 for pause_s in taken)
    assert taken[-1] >= 45.0
    pauses.reset()
    assert pauses.pause_s(0.5) == 1.0
