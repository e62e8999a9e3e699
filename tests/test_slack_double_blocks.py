"""The double's limits of blocks and views: at a limit all is well, beyond it not; slack_sdk's own checks agree."""

from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.demo.slack.block_kit import check_view, complaints
from bot.demo.slack.calls import ApiError

Json = dict[str, Any]


def plain(size: int) -> Json:
    return {"type": "plain_text", "text": "x" * size}


def marked(size: int) -> Json:
    return {"type": "mrkdwn", "text": "x" * size}


def button(**more: Any) -> Json:
    return {"type": "button", "text": plain(1), "action_id": "a", **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def option(text: int = 1, value: int = 1) -> Json:
    return {"text": plain(text), "value": "x" * value}


def select(**more: Any) -> Json:
    return {"type": "static_select", "action_id": "s", "placeholder": plain(1), "options": [option()], **more}


def confirm(**sizes: int) -> Json:
    return {name: plain(sizes.get(name, 1)) for name in ("title", "text", "confirm", "deny")}


def picture(**more: Any) -> Json:
    return {"type": "image", "image_url": "https://x.test", "alt_text": "x", **more}


def section(**more: Any) -> Json:
    return {"type": "section", "text": marked(1), **more}


def field(**more: Any) -> Json:
    element = {"type": "plain_text_input", "action_id": "i"}
    return {"type": "input", "label": plain(1), "element": element, **more}


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": list(elements)}


def line(*elements: Json) -> Json:
    return {"type": "rich_text_section", "elements": list(elements)}


# What a limit is on, a block of a size, and the size; "both" where slack_sdk knows the limit, too.
LIMITS: list[tuple[str, Callable[[int], Json], int, str]] = [
    ("header", lambda size: {"type": "header", "text": plain(size)}, 150, "both"),
    ("section", lambda size: section(text=marked(size)), 3000, "both"),
    ("fields", lambda size: {"type": "section", "fields": [marked(1)] * size}, 10, "both"),
    ("field", lambda size: {"type": "section", "fields": [marked(size)]}, 2000, "ours"),
    ("block_id", lambda size: section(block_id="x" * size), 255, "both"),
    ("actions", lambda size: actions(*(button(action_id=str(number)) for number in range(size))), 25, "both"),
    ("context", lambda size: {"type": "context", "elements": [marked(1)] * size}, 10, "both"),
    ("button", lambda size: actions(button(text=plain(size))), 75, "both"),
    ("value", lambda size: actions(button(value="x" * size)), 2000, "both"),
    ("url", lambda size: actions(button(url="x" * size)), 3000, "both"),
    ("action_id", lambda size: actions(button(action_id="x" * size)), 255, "both"),
    ("accessory", lambda size: section(accessory=button(text=plain(size))), 75, "both"),
    ("confirm title", lambda size: actions(button(confirm=confirm(title=size))), 100, "both"),
    ("confirm text", lambda size: actions(button(confirm=confirm(text=size))), 300, "both"),
    ("confirm yes", lambda size: actions(button(confirm=confirm(confirm=size))), 30, "both"),
    ("confirm no", lambda size: actions(button(confirm=confirm(deny=size))), 30, "both"),
    ("options", lambda size: actions(select(options=[option()] * size)), 100, "both"),
    ("option", lambda size: actions(select(options=[option(text=size)])), 75, "ours"),
    ("option value", lambda size: actions(select(options=[option(value=size)])), 150, "ours"),
    ("placeholder", lambda size: actions(select(placeholder=plain(size))), 150, "both"),
    ("overflow", lambda size: actions({"type": "overflow", "action_id": "o", "options": [option()] * size}), 5, "both"),
    (
        "checkboxes",
        lambda size: actions({"type": "checkboxes", "action_id": "c", "options": [option()] * size}),
        10,
        "ours",
    ),
    ("image url", lambda size: picture(image_url="x" * size), 3000, "both"),
    ("image alt", lambda size: picture(alt_text="x" * size), 2000, "both"),
    ("image title", lambda size: picture(title=plain(size)), 2000, "both"),
    ("label", lambda size: field(label=plain(size)), 2000, "both"),
    ("hint", lambda size: field(hint=plain(size)), 2000, "both"),
    ("markdown", lambda size: {"type": "markdown", "text": "x" * size}, 12_000, "both"),
]


def sdk_takes(block: Json) -> bool:
    try:
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.to_dict()
    except SlackObjectFormationError:
        return False
    return True


@pytest.mark.parametrize(("name", "make", "most", "whose"), LIMITS, ids=[limit[0] for limit in LIMITS])
def test_a_block_is_taken_at_its_limit_and_not_beyond(
    name: str, make: Callable[[int], Json], most: int, whose: str
) -> None:
    assert complaints([make(most)], "message") == []
    (told,) = complaints([make(most + 1)], "message")
    assert f"less than {most + 1} characters" in told or f"no more than {most} items" in told
    assert sdk_takes(make(most))
    assert sdk_takes(make(most + 1)) == (whose == "ours"), name


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"type": "nonsense"}, "unsupported type: nonsense [json-pointer:/blocks/0/type]"),
        ({}, "missing required field: type [json-pointer:/blocks/0]"),
        ({"type": "section"}, "missing required field: text [json-pointer:/blocks/0]"),
        ({"type": "header"}, "missing required field: text [json-pointer:/blocks/0]"),
        ({"type": "header", "text": marked(1)}, "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]"),
        (section(text=marked(0)), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        (section(text="x"), "must provide an object [json-pointer:/blocks/0/text]"),
        (actions(), "no less than 1 items allowed [json-pointer:/blocks/0/elements]"),
        (actions({"type": "email"}), "unsupported type: email [json-pointer:/blocks/0/elements/0/type]"),
        (
            actions(button(style="loud")),
            "value must be one of the allowed values [json-pointer:/blocks/0/elements/0/style]",
        ),
        (actions(button(), button()), "`action_id` already exists: a [json-pointer:/blocks/0/elements/1/action_id]"),
        (rich(), "no less than 1 items allowed [json-pointer:/blocks/0/elements]"),
        (
            rich(line({"type": "text", "text": ""})),
            "must be more than 0 characters [json-pointer:/blocks/0/elements/0/elements/0/text]",
        ),
        (rich(line(marked(1))), "unsupported type: mrkdwn [json-pointer:/blocks/0/elements/0/elements/0/type]"),
        (
            rich({"type": "rich_text_list", "elements": [line()]}),
            "missing required field: style [json-pointer:/blocks/0/elements/0]",
        ),
        ({"type": "image", "image_url": "https://x.test"}, "missing required field: alt_text [json-pointer:/blocks/0]"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_is_told_in_slacks_words_and_where(block: Json, told: str) -> None:
    assert told in complaints([block], "message")


def test_under_a_link_rich_text_is_refused() -> None:
    block = rich(line({"type": "text", "text": "x"}))
    assert complaints([block], "message") == complaints([block], "modal") == complaints([block], "home") == []
    assert complaints([block], "unfurl") == ["unsupported type: rich_text [json-pointer:/blocks/0/type]"]


def test_a_message_has_fifty_blocks_a_view_a_hundred_and_an_id_is_there_once() -> None:
    divider = {"type": "divider"}
    assert complaints([divider] * 50, "message") == []
    assert complaints([divider] * 51, "message") == ["no more than 50 items allowed [json-pointer:/blocks]"]
    assert complaints([divider] * 100, "modal") == []
    assert complaints([{**divider, "block_id": "b"}] * 2, "modal") == [
        "`block_id` already exists: b [json-pointer:/blocks/1/block_id]"
    ]


VIEWS: list[tuple[str, Callable[[int], Json], int]] = [
    ("title", lambda size: {"title": plain(size)}, 24),
    ("submit", lambda size: {"submit": plain(size)}, 24),
    ("close", lambda size: {"close": plain(size)}, 24),
    ("private_metadata", lambda size: {"private_metadata": "x" * size}, 3000),
    ("callback_id", lambda size: {"callback_id": "x" * size}, 255),
    ("blocks", lambda size: {"blocks": [{"type": "divider"}] * size}, 100),
]


@pytest.mark.parametrize(("name", "make", "most"), VIEWS, ids=[view[0] for view in VIEWS])
def test_a_view_is_taken_at_its_limit_and_not_beyond(name: str, make: Callable[[int], Json], most: int) -> None:
    view: Json = {"type": "modal", "title": plain(1), "blocks": [{"type": "divider"}]}
    check_view(view | make(most), "modal")
    View(**(view | make(most))).to_dict()
    with pytest.raises(ApiError) as refused:
        check_view(view | make(most + 1), "modal")
    assert f"/view/{name}" in refused.value.body["response_metadata"]["messages"][0]
    with pytest.raises(SlackObjectFormationError):
        View(**(view | make(most + 1))).to_dict()


def test_a_modal_with_inputs_can_be_submitted() -> None:
    view = {"type": "modal", "title": plain(1), "blocks": [field()]}
    with pytest.raises(ApiError) as refused:
        check_view(view, "modal")
    assert refused.value.body["errors"] == ["missing required field: submit [json-pointer:/view]"]
    check_view(view | {"submit": plain(1)}, "modal")
