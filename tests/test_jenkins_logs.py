"""What Jenkins makes of a log, undone: its line ends, and what the head of an answer says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.jenkins_logs import LineEnds, LogState, read_state

ENDS = [
    pytest.param([b"a\r\nb\r\n"], b"a\nb\n", id="Jenkins' own"),
    pytest.param([b"a\r", b"\nb"], b"a\nb", id="over a border"),
    pytest.param([b"a\r", b"", b"\nb"], b"a\nb", id="over an empty piece"),
    pytest.param([b"10%\r20%\r\n"], b"10%\r20%\n", id="progress of a tool"),
    pytest.param([b"a\r\r", b"\n"], b"a\r\n", id="a CR before the end of its line"),
    pytest.param([b"a", b"\r"], b"a\r", id="a CR at the end of all"),
    pytest.param([b"\xe2\x82", b"\xac\r\n"], "€\n".encode(), id="a character over a border"),
    pytest.param([b"\x1b[8mha:AA", b"==\x1b[0mx\r\n"], b"\x1b[8mha:AA==\x1b[0mx\n", id="a console note"),
    pytest.param([], b"", id="nothing"),
]


def joined(pieces: list[bytes]) -> bytes:
    ends = LineEnds()
    return b"".join([*map(ends.take, pieces), ends.end()])


@pytest.mark.parametrize(("pieces", "text"), ENDS)
def test_line_ends_become_what_they_were(pieces: list[bytes], text: bytes) -> None:
    """(J11)"""
    assert joined(pieces) == text


@given(st.lists(st.text("a\r\n", max_size=4).map(str.encode), max_size=8))
def test_borders_between_pieces_do_not_matter(pieces: list[bytes]) -> None:
    assert joined(pieces) == b"".join(pieces).replace(b"\r\n", b"\n")


STATES = [
    pytest.param({"X-Text-Size": "81"}, LogState.COMPLETE, id="complete"),
    pytest.param({"X-Text-Size": "0"}, LogState.COMPLETE, id="complete and empty"),
    pytest.param({"X-Text-Size": "-5"}, LogState.COMPLETE, id="compressed and huge"),
    pytest.param({"X-Text-Size": "81", "X-More-Data": "true"}, LogState.OPEN, id="still written"),
    pytest.param({"X-Text-Size": "0", "X-More-Data": "true"}, LogState.LOST, id="its file is gone"),
    pytest.param({}, None, id="a page of a proxy"),
    pytest.param({"X-More-Data": "true"}, None, id="no size"),
    pytest.param({"X-Text-Size": "81 bytes"}, None, id="nonsense"),
    pytest.param({"X-Text-Size": "9" * 5000}, None, id="a number that is none"),
]


@pytest.mark.parametrize(("headers", "state"), STATES)
def test_the_head_of_an_answer_tells_how_a_log_stands(headers: dict[str, str], state: LogState | None) -> None:
    """(J32)"""
    assert read_state(headers) is state
