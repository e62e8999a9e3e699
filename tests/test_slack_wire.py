"""What Slack sends, as values: which texts are commands, and that nothing that comes is more than unreadable."""

import os
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters import slack_wire as wire
from bot.adapters.slack_wire import Installation, Line, Member, Slash, Unreadable

US = Installation("T0MOBY001", "U0GORDON1", "B0GORDON1", "A0GORDON1")
ME = "<@U0GORDON1>"


def row(text: str, command: str | None, name: str, *, private: bool = False) -> object:
    return pytest.param(text, command, private, id=name)


@pytest.mark.parametrize(
    ("text", "command", "private"),
    [
        row(f"{ME} rebuild moby#1", "rebuild moby#1", "a mention"),
        row("<@U0GORDON1|gordon> rebuild moby#1", "rebuild moby#1", "a mention with a label"),
        row(f"  {ME}: rebuild moby#1", "rebuild moby#1", "a mention with a colon"),
        row(f"{ME}\nrebuild moby#1", "rebuild moby#1", "a mention in a line of its own"),
        row(f"{ME}\u00a0rebuild\u00a0moby#1", "rebuild moby#1", "blanks that do not break"),
        row(f"{ME} !rebuild moby#1", "rebuild moby#1", "a mention and the prefix"),
        row("Gordon: rebuild moby#1", "rebuild moby#1", "our name"),
        row("@gordon, rebuild moby#1", "rebuild moby#1", "our name with a sign that made no mention"),
        row("!rebuild moby#1", "rebuild moby#1", "the prefix"),
        row("rebuild moby#1", "rebuild moby#1", "a direct message", private=True),
        row("!rebuild moby#1", "rebuild moby#1", "a direct message with the prefix", private=True),
        row("rebuild moby#1", None, "to nobody"),
        row(f"hey {ME}: rebuild moby#1", None, "a mention later, where people talk about us"),
        row("<@U0TIANON1> rebuild moby#1", None, "a mention of somebody else"),
        row("gordonia: rebuild moby#1", None, "a longer name"),
        row("gordon rebuild moby#1", None, "our name in a sentence"),
        row("!!! rebuild", None, "an exclamation"),
        row("! rebuild", None, "another one"),
        row(ME, None, "a mention of us alone"),
        row(f"{ME} &gt; rebuild moby#1", None, "A17 quoted after the mention"),
        row("&gt; !rebuild moby#1", None, "A17 quoted"),
        row("&gt;rebuild moby#1", None, "A17 quoted in private", private=True),
        row("&lt;alice&gt; !rebuild moby#1", None, "A17 relayed by a bridge"),
        row("[alice] rebuild moby#1", None, "A17 relayed in private", private=True),
        row(f"{ME} ```rebuild moby#1```", None, "A17 a block of code"),
        row("`rebuild moby#1`", None, "A17 code in private", private=True),
        row(f"{ME} rebuild moby#1\ncancel moby#2", "rebuild moby#1", "several lines, of which the first counts"),
        row(f"{ME} why &lt;&amp;amp;&gt;", "why <&amp;>", "escapes, each once"),
        row(
            f"{ME} pr <https://github.com/moby/moby/pull/1|moby#2>",
            "pr https://github.com/moby/moby/pull/1",
            "A15 a link goes by its address, never by its label",
        ),
        row(f"{ME} why <https://ci/?a=1&amp;b=2>", "why https://ci/?a=1&b=2", "a link with an escape"),
        row(f"{ME} offline <http://node-1.ci.org|node-1.ci.org>", "offline node-1.ci.org", "what Slack made a link of"),
        row(f"{ME} offline <http://evil.org|node-1.ci.org>", "offline http://evil.org", "a false label"),
        row(f"{ME} say <mailto:a@b.org|a@b.org>", "say a@b.org", "an address of mail"),
        row(f"{ME} say <#C0BUILDS1|builds> <#C0BUILDS1>", "say #builds #C0BUILDS1", "channels"),
        row(f"{ME} can <@U0TIANON1> <@W0X|x>", "can @U0TIANON1 @W0X", "people, who choose their labels"),
        row(f"{ME} say <!here> <!channel|x> <!subteam^S01|@all>", "say @here @channel @S01", "everybody"),
        row(f"{ME} say <!date^139^{{date}}|18 Feb>", "say 18 Feb", "a date"),
        row(f"{ME} build x A=\u201ca b\u201d B=\u2018c\u2019", "build x A=\"a b\" B='c'", "quotation marks of clients"),
        row(f"{ME} say a\u200bb\u2060c", "say abc", "what nobody sees"),
        row(f"{ME} say :tada: *x*", "say :tada: *x*", "what is not ours to read"),
        row(f"{ME} say <", "say <", "a sign that begins nothing"),
    ],
)
def test_what_is_a_command(text: str, command: str | None, private: bool) -> None:
    assert wire.command_of(text, US, "!", private=private) == command


def test_a_workspace_without_a_prefix_takes_mentions() -> None:
    assert wire.command_of("!rebuild", US, "", private=False) is None
    assert wire.command_of(f"{ME} rebuild", US, "", private=False) == "rebuild"


EVENT: dict[str, object] = {
    "type": "message",
    "channel": "C0DOCKDEV",
    "user": "U0TIANON1",
    "text": "hello",
    "ts": "1700000000.000100",
}


def test_a_line_is_read() -> None:
    more = {"team": "T0MOBY001", "channel_type": "channel", "thread_ts": "1700000000.000050"}
    line = wire.read_line({"event": EVENT | more})
    thread = "1700000000.000050"
    teams = ("T0MOBY001",)
    assert line == Line("C0DOCKDEV", "1700000000.000100", "channel", "U0TIANON1", teams, "hello", thread)
    assert line.at_s == 1_700_000_000.0001
    assert not line.is_private
    assert not line.is_of_program


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"type": "app_mention"}, "is_mention"),
        ({"edited": {"user": "U0TIANON1", "ts": "1.2"}}, "is_edited"),
        ({"files": [{"id": "F0000001"}]}, "has_files"),
        ({"attachments": [{"is_share": True}]}, "is_forwarded"),
        ({"attachments": [None, {"is_msg_unfurl": True}]}, "is_forwarded"),
        ({"channel": "D0TIANON1"}, "is_private"),
        ({"channel_type": "im"}, "is_private"),
        ({"bot_id": "B0OTHERBT"}, "is_of_program"),
        ({"app_id": "A0OTHERAP"}, "is_of_program"),
        ({"subtype": "bot_message"}, "is_of_program"),
        ({"user": "USLACKBOT"}, "is_of_program"),
    ],
)
def test_what_sets_a_line_apart(more: dict[str, object], wanted: str) -> None:
    assert not getattr(wire.read_line({"event": EVENT}), wanted)
    assert getattr(wire.read_line({"event": EVENT | more}), wanted)


@pytest.mark.parametrize(
    "payload",
    [
        *(None, [], "x", {}, {"event": None}, {"event": []}, {"event": {"type": "reaction_added"}}),
        *({"event": EVENT | {"channel": value}} for value in (None, 7, "", "general", "C1; x", "C\u0660\u0660")),
        *({"event": EVENT | {"ts": value}} for value in (None, 1.5, "", "1e9", "nan", "-1.0", "\u0661.0", "9" * 99)),
        *({"event": EVENT | {"user": value}} for value in (7, "tianon", "T0MOBY001")),
        {"event": EVENT | {"thread_ts": "x"}},
    ],
)
def test_what_is_no_line(payload: object) -> None:
    with pytest.raises(Unreadable):
        wire.read_line(payload)


SLASH = {
    "team_id": "T0MOBY001",
    "channel_id": "C0DOCKDEV",
    "user_id": "U0TIANON1",
    "user_name": "tianon",
    "text": "rebuild &lt;x&gt;",
    "trigger_id": "1.2.abc",
}


def test_a_slash_command_is_read() -> None:
    slash = wire.read_slash(SLASH)
    assert slash == Slash("T0MOBY001", "C0DOCKDEV", "U0TIANON1", "tianon", "rebuild <x>", "1.2.abc")
    assert wire.read_slash(SLASH | {"channel_id": "D0TIANON1"}).is_private


@pytest.mark.parametrize("key", ["team_id", "channel_id", "user_id", "trigger_id"])
@pytest.mark.parametrize("value", [None, "", 7, "no id"])
def test_a_slash_command_without_its_ids_is_none(key: str, value: object) -> None:
    with pytest.raises(Unreadable):
        wire.read_slash(SLASH | {key: value})


USER = {"id": "U0TIANON1", "team_id": "T0MOBY001", "name": "tianon", "profile": {"display_name": "Tia\u202e non\n"}}


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({}, {}),
        ({"profile": None}, {"name": "tianon"}),
        ({"deleted": True}, {"is_deleted": True}),
        ({"is_restricted": True}, {"is_guest": True}),
        ({"is_ultra_restricted": True}, {"is_guest": True}),
        ({"is_stranger": True}, {"is_stranger": True}),
        ({"is_bot": True}, {"is_bot": True}),
        ({"is_workflow_bot": True}, {"is_bot": True}),
        ({"is_connector_bot": True}, {"is_bot": True}),
        (
            {"id": "W0TIANON1", "enterprise_user": {"teams": ["T0OTHER01", None, "T0MOBY001"]}},
            {"id": "W0TIANON1", "teams": ("T0MOBY001", "T0OTHER01")},
        ),
        (
            {"team_id": None, "enterprise_user": {"teams": ["T0OTHER01"], "enterprise_id": "E0GRID001"}},
            {"teams": ("T0OTHER01", "E0GRID001")},
        ),
    ],
)
def test_who_somebody_is(more: dict[str, object], wanted: dict[str, object]) -> None:
    fields: dict[str, object] = {"id": "U0TIANON1", "teams": ("T0MOBY001",), "name": "Tia non"} | wanted
    assert wire.read_member({"ok": True, "user": USER | more}) == Member(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("enterprise", [None, {}, {"teams": []}, {"teams": 7}, {"teams": [None]}])
def test_who_is_of_no_workspace_is_nobody(enterprise: object) -> None:
    with pytest.raises(Unreadable):
        wire.read_member({"user": USER | {"team_id": None, "enterprise_user": enterprise}})


def test_a_bot_is_known_by_its_user_if_it_has_one() -> None:
    bot = {"id": "B0OTHERBT", "name": "CI", "user_id": "U0OTHERBT", "deleted": False}
    assert wire.read_bot({"bot": bot}, "T0MOBY001") == Member("U0OTHERBT", ("T0MOBY001",), "CI", is_bot=True)
    assert wire.read_bot({"bot": bot | {"user_id": None}}, "T0MOBY001").id == "B0OTHERBT"


FUZZ = max(1000, int(os.environ.get("GORDON_FUZZ", "5000")))
KEYS = sorted({*EVENT, *SLASH, *USER, "event", "bot", "team", "subtype", "attachments", "enterprise_user", "teams"})
TEXTS = st.text() | st.sampled_from(
    [*map(str, EVENT.values()), *SLASH.values(), "message", "app_mention", "B0X", ME, f"{ME} <a|b> &amp;\u2028x", "<|>"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=FUZZ // 50, deadline=None)
@given(JSON, st.dictionaries(st.sampled_from(KEYS), JSON), st.booleans())
def test_anything_is_read_or_unreadable(whole: object, parts: dict[str, object], private: bool) -> None:  # G4
    readers = (wire.read_line, wire.read_slash, wire.read_member, wire.read_changed, partial(wire.read_bot, team="T01"))
    for payload in (whole, {"event": EVENT | parts}, {"user": USER | parts}, {"bot": parts}, SLASH | parts):
        for read in readers:
            try:
                value = read(payload)
            except Unreadable:
                continue
            if isinstance(value, Line):
                assert value.at_s >= 0
                wire.command_of(value.text, US, "!", private=private)


@settings(max_examples=FUZZ // 50, deadline=None)
@given(st.text() | st.text("<>@|&;ampltg!#\u201c `U0GORDN1\n"), st.booleans())
def test_a_command_is_one_line_of_what_was_typed(text: str, private: bool) -> None:
    words = wire.command_of(text, US, "!", private=private)
    if words is not None:
        assert words == words.strip() != ""
        assert "\n" not in words
