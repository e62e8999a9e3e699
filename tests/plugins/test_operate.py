"""How an operator's words are read, and how records and letters are shown."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.events import TroubleSeen
from bot.plugin import Card, UserError
from plugins.operate import record_line, stuck, trouble, wanted_records


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        pytest.param("1", (1, ""), id="least"),
        pytest.param("20", (20, ""), id="most"),
        pytest.param("k7f2", (20, "k7f2"), id="short-id"),
        pytest.param("[K7F2]", (20, "k7f2"), id="as-it-was-told"),
        pytest.param("2345", (20, "2345"), id="all-digits"),
    ],
)
def test_a_count_or_a_short_id(word: str, wanted: tuple[int, str]) -> None:
    assert wanted_records(word) == wanted


@pytest.mark.parametrize("word", ["0", "21", "-1", "k7f", "k7f22", "\u0665"])
def test_anything_else_is_neither(word: str) -> None:
    with pytest.raises(UserError, match="is neither a number from 1 to 20 nor a short id"):
        wanted_records(word)


@pytest.mark.parametrize(
    ("record", "text"),
    [
        pytest.param(
            {
                "id": "k7f2",
                "utc": "2015-06-01T12:00:00.123+00:00",
                "person": "tianon",
                "shown_name": "tia",
                "text_redacted": "rebuild moby#7",
                "decision": "allowed",
                "rule": "maintainer",
            },
            "2015-06-01 12:00:00 [k7f2] tianon: rebuild moby#7 - allowed, maintainer",
            id="a-command",
        ),
        pytest.param(
            {
                "id": "k7f2",
                "utc": "2015-06-01T12:00:01+00:00",
                "effect": "build.start",
                "job": "ci/x",
                "result": "sent",
            },
            "2015-06-01 12:00:01 [k7f2] Gordon: build.start - ci/x, sent",
            id="an-effect",
        ),
        pytest.param(
            {
                "id": "k7f2",
                "utc": "2015-06-01T12:00:01+00:00",
                "person": "gordon",
                "effect": "status.set",
                "repo": "moby/moby",
                "head_sha": "3674aa8258bb66fe77c21e64957622a233963acc",
                "params_redacted": {"context": "docker/lxc", "state": "success", "description": "passed"},
                "decision": "sent",
            },
            "2015-06-01 12:00:01 [k7f2] gordon: status.set moby/moby@3674aa8 docker/lxc success - sent",
            id="a-status",
        ),
        pytest.param(
            {
                "id": "k7f2",
                "utc": "2015-06-01T12:00:01+00:00",
                "effect": "comment.put",
                "repo": "moby/moby",
                "pr": 7,
                "params_redacted": {"marker": "dco", "body": "sign it"},
                "decision": "void",
            },
            "2015-06-01 12:00:01 [k7f2] Gordon: comment.put moby/moby#7 dco - void",
            id="a-comment",
        ),
        pytest.param(
            {"id": "k7f2", "person": "tia", "account_id": "U024BE7LH", "tenant": "moby", "command": "ping"},
            " [k7f2] tia (U024BE7LH on moby): ping - ",
            id="by-an-id",
        ),
        pytest.param(
            {"id": "k7f2", "person": "tia", "account_id": "Tia", "tenant": "libera", "command": "ping"},
            " [k7f2] tia: ping - ",
            id="by-an-account-of-their-name",
        ),
        pytest.param(
            {"id": "k7f2", "shown_name": "tia", "text_redacted": "x" * 200},
            " [k7f2] tia: " + "x" * 104 + "...",
            id="a-long-one-is-cut",
        ),
    ],
)
def test_a_record_is_one_line(record: Mapping[str, Any], text: str) -> None:
    assert record_line(record) == text


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        pytest.param([], "nothing is stuck", id="none"),
        pytest.param(["a", "b"], Card("2 stuck, oldest first", ("a", "b")), id="all"),
        pytest.param(["x" * 200], Card("1 stuck, oldest first", ("x" * 117 + "...",)), id="a-long-reason-is-cut"),
        pytest.param(
            list("abcdefghij"), Card("10 stuck, oldest first", (*"abcdefgh", "and 2 more")), id="more-than-are-shown"
        ),
    ],
)
def test_letters_are_capped(lines: list[str], shown: str | Card) -> None:
    assert stuck(lines) == shown


@pytest.mark.parametrize(
    ("words", "line"),
    [
        pytest.param("I am banned (+b)", "IRC libera: #moby: I am banned (+b)", id="begins"),
        pytest.param("", "IRC libera: #moby is well again", id="is-over"),
    ],
)
def test_a_trouble_names_who_has_it_and_what_it_is_about(words: str, line: str) -> None:
    now = datetime(2014, 7, 1, tzinfo=UTC)
    assert trouble(TroubleSeen(key="k", lane="l", at=now, peer="IRC libera", about="#moby", words=words)) == line
