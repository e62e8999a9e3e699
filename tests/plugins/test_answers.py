"""Which lines a canned answer is for, and which answers are refused when the configuration is read."""

from typing import Any

import pytest

from bot.errors import ConfigError
from bot.loader import read_settings
from bot.values import Place
from plugins.answers import AnswersSettings, plugin

DEV, OPS = Place("libera", "#dev"), Place("libera", "#ops")
SKEW = {"say": "set your watch: ntpdate pool.ntp.org", "words": ["clock skew"], "channels": ["libera/#Dev"]}


def read(**answers: dict[str, Any]) -> AnswersSettings:
    settings = read_settings(plugin, {"answer": answers})
    assert isinstance(settings, AnswersSettings)
    return settings


@pytest.mark.parametrize(
    ("text", "is_answered"),
    [
        pytest.param("clock skew", True, id="the words alone"),
        pytest.param("I get Clock  SKEW, what now?", True, id="in any case, with any blanks"),
        pytest.param('"clock\tskew"', True, id="quoted, with a tab"),
        pytest.param("<ann> clock skew again", True, id="relayed by a bridge"),
        pytest.param("clock-skew", False, id="with a hyphen"),
        pytest.param("clock skewed", False, id="within a longer word"),
        pytest.param("o'clock skew", True, id="an apostrophe ends a word"),
        pytest.param("aclock skew", False, id="at the end of a longer word"),
        pytest.param("skew clock", False, id="the other way round"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_words_are_found_as_such(text: str, is_answered: bool) -> None:
    assert (read(skew=SKEW).answer_to(text, DEV, is_asked=False) is not None) is is_answered


@pytest.mark.parametrize(
    ("words", "text", "is_answered"),
    [
        pytest.param("c++", "does c++ build?", True, id="signs are signs"),
        pytest.param("c++", "does ccc build?", False, id="and not of an expression"),
        pytest.param("ÜBER uns", "über UNS", True, id="letters beyond ASCII"),
        pytest.param("a.b", "axb", False, id="a dot is a dot"),
    ],
)
def test_words_are_no_expression(words: str, text: str, is_answered: bool) -> None:
    found = read(one={"say": "yes", "words": [words]}).answer_to(text, DEV, is_asked=True)
    assert (found is not None) is is_answered


@pytest.mark.parametrize(
    ("place", "is_asked", "is_answered"),
    [
        pytest.param(DEV, False, True, id="overheard in its channel, however that is written"),
        pytest.param(OPS, False, False, id="overheard elsewhere"),
        pytest.param(Place("oftc", "#dev"), False, False, id="overheard on another network"),
        pytest.param(OPS, True, True, id="asked elsewhere"),
        pytest.param(Place("libera", "ann", private=True), True, True, id="asked in private"),
    ],
)
def test_unasked_it_is_said_in_its_channels_only(place: Place, is_asked: bool, is_answered: bool) -> None:
    assert (read(skew=SKEW).answer_to("clock skew", place, is_asked=is_asked) is not None) is is_answered


def test_nothing_is_listened_to_where_no_answer_has_a_channel() -> None:
    assert not read().listens(DEV)
    assert not read(skew={**SKEW, "channels": []}).listens(DEV)
    assert [read(skew=SKEW).listens(place) for place in (DEV, OPS)] == [True, False]
    assert not read(skew={**SKEW, "channels": ["libera/ann"]}).listens(Place("libera", "ann", private=True))


def test_the_first_answer_that_fits_is_said_with_its_own_pause() -> None:
    pattern = {"say": "ask jess", "pattern": "skew|drift$", "again_s": 20}
    settings = read(skew=SKEW, drift=pattern)
    said = [settings.answer_to(text, DEV, is_asked=True) for text in ("clock skew", "skew", "a DRIFT", "drifting")]
    assert [one and (one.name, one.again_s) for one in said] == [("skew", 600), ("drift", 20), ("drift", 20), None]


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [
        pytest.param({"a": {"words": ["clock skew"]}}, "say", id="nothing to say"),
        pytest.param({"a": {**SKEW, "say": " "}}, "say must be one line", id="blanks to say"),
        pytest.param({"a": {**SKEW, "say": "one\ntwo"}}, "say must be one line", id="two lines"),
        pytest.param({"a": {**SKEW, "say": "x" * 401}}, "1 to 400 characters", id="more than a line"),
        pytest.param({"a": {"say": "yes"}}, "words or pattern must be there", id="to nothing"),
        pytest.param({"a": {**SKEW, "words": ["a"]}}, "at least 3 characters", id="to a letter"),
        pytest.param({"a": {**SKEW, "words": ["a  b"]}}, "at least 3 characters", id="to two letters"),
        pytest.param({"a": {**SKEW, "pattern": "(skew"}}, "pattern: ", id="an expression that is none"),
        pytest.param({"a": {**SKEW, "pattern": "(?=x)"}}, "pattern: ", id="an expression that RE2 does not take"),
        pytest.param({"a": {**SKEW, "pattern": "x" * 201}}, "at most 200 characters", id="a long expression"),
        pytest.param({"a": {**SKEW, "pattern": "x*"}}, "empty line", id="an expression for each line"),
        pytest.param({"a": {**SKEW, "again_s": 1}}, "again_s must be 10 to 604800", id="too often"),
        pytest.param({"a": {**SKEW, "word": ["x"]}}, 'unknown key "word"', id="a mistyped key"),
        pytest.param({"a": {**SKEW, "say": "fix the Clock skew"}}, "answer.a: say must be other", id="its own words"),
        pytest.param(
            {"a": {**SKEW, "say": "see drift"}, "b": {"say": "ok", "pattern": "drift"}},
            "the words of b stand in it",
            id="those of another answer",
        ),
        pytest.param({f"a{n}": {**SKEW} for n in range(101)}, "there may be 100 answers", id="a hundred and one"),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_read(answers: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"\[plugin\.answers") as refused:
        read(**answers)
    assert wrong in str(refused.value)
