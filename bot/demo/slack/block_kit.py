"""Block Kit's published limits, and Slack's own words for what is beyond them."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

from bot.demo.slack.calls import ApiError

Surface = Literal["message", "modal", "home", "unfurl"]
Check = Callable[[Any, str], Iterator[str]]
BLOCKS_AT = {"message": (0, 50), "modal": (1, 100), "home": (1, 100), "unfurl": (1, 50)}
SURFACES = {  # of those that are not everywhere
    "file": ("message",), "markdown": ("message",), "table": ("message",), "context_actions": ("message",),
    "rich_text": ("message", "modal", "home"),  # under a link: https://github.com/slackapi/java-slack-sdk/issues/948
}  # fmt: skip
LARGEST_MARKDOWN = 12_000  # of all markdown blocks together
LARGEST_OF_ALL = 13_200  # characters of a message's blocks; published nowhere, met by others
WIDEST_HOME = 250_000  # bytes


def wrong(words: str, path: str) -> str:
    return f"{words} [json-pointer:{path}]"


def text(most: int, *, plain: bool = False, least: int = 1) -> Check:
    """Make the check of a text object.

    Arguments:
        plain: nothing is marked up in it.
    """

    def check(value: Any, path: str) -> Iterator[str]:
        kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
        if not isinstance(value, dict):
            yield wrong("must provide an object", path)
        elif value.get("type") not in kinds:
            yield wrong(f"unsupported type: {value.get('type')}", f"{path}/type")
        elif "emoji" in value and value["type"] == "mrkdwn":
            yield wrong("invalid additional property: emoji", path)
        else:
            yield from string(most, least=least)(value.get("text"), f"{path}/text")

    return check


def string(most: int, *, least: int = 1) -> Check:
    """Make the check of a bare text."""

    def check(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield wrong("must provide a string", path)
        elif len(value) < least:
            yield wrong(f"must be more than {least - 1} characters", path)
        elif len(value) > most:
            yield wrong(f"must be less than {most + 1} characters", path)

    return check


def one_of(*values: str) -> Check:
    """Make the check of a word of few."""

    def check(value: Any, path: str) -> Iterator[str]:
        if value not in values:
            yield wrong("value must be one of the allowed values", path)

    return check


def listed(each: Check, most: int, *, least: int = 1) -> Check:
    """Make the check of a list."""

    def check(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield wrong("must provide an array", path)
            return
        if len(value) < least:
            yield wrong(f"no less than {least} items allowed", path)
        if len(value) > most:
            yield wrong(f"no more than {most} items allowed", path)
        for number, item in enumerate(value):
            yield from each(item, f"{path}/{number}")

    return check


def thing(needed: dict[str, Check], more: dict[str, Check] | None = None) -> Check:
    """Make the check of an object by its fields; those that nobody checks may be anything."""

    def check(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield wrong("must provide an object", path)
            return
        for name, field in needed.items():
            if value.get(name) is None:
                yield wrong(f"missing required field: {name}", path)
            else:
                yield from field(value[name], f"{path}/{name}")
        for name, field in (more or {}).items():
            if value.get(name) is not None:
                yield from field(value[name], f"{path}/{name}")

    return check


def typed(kinds: dict[str, Check]) -> Check:
    """Make the check of an object that says by its `type` what it is."""

    def check(value: Any, path: str) -> Iterator[str]:
        kind = value.get("type") if isinstance(value, dict) else None
        if kind is None:
            yield wrong("missing required field: type", path)
        elif kind not in kinds:
            yield wrong(f"unsupported type: {kind}", f"{path}/type")
        else:
            yield from kinds[kind](value, path)

    return check


def either(first: str, second: str, check: Check) -> Check:
    """Demand one of two fields besides."""

    def checked(value: Any, path: str) -> Iterator[str]:
        yield from check(value, path)
        if isinstance(value, dict) and not value.get(first) and not value.get(second):
            yield wrong(f"missing required field: {first}", path)

    return checked


def anything(_value: Any, _path: str) -> Iterator[str]:
    yield from ()


CONFIRM = thing(
    {"title": text(100, plain=True), "text": text(300), "confirm": text(30, plain=True), "deny": text(30, plain=True)},
    {"style": one_of("primary", "danger")},
)
OPTION = thing({"text": text(75), "value": string(150)}, {"description": text(75), "url": string(3000)})
PLAIN_OPTION = thing(
    {"text": text(75, plain=True), "value": string(150)}, {"description": text(75, plain=True), "url": string(3000)}
)
GROUP = thing({"label": text(75, plain=True), "options": listed(PLAIN_OPTION, 100)})
ELEMENT = {"action_id": string(255), "confirm": CONFIRM}
HINTED = {**ELEMENT, "placeholder": text(150, plain=True)}
WRITTEN = {"min_length": anything, "max_length": anything, "initial_value": string(3000, least=0)}
PICTURE = either(
    "image_url", "slack_file", thing({"alt_text": string(2000, least=0)}, {"image_url": string(3000)})
)  # fmt: skip
CHOOSING = {"options": listed(PLAIN_OPTION, 100), "option_groups": listed(GROUP, 100)}
SELECTS = {
    f"{many}{kind}_select": either("options", "option_groups", thing({}, HINTED | CHOOSING))
    if kind == "static"
    else thing({}, HINTED)
    for many in ("", "multi_")
    for kind in ("static", "external", "users", "conversations", "channels")
}
PRESSED = {
    "button": thing(
        {"text": text(75, plain=True)},
        {
            **ELEMENT,
            "value": string(2000, least=0),
            "url": string(3000),
            "style": one_of("primary", "danger"),
            "accessibility_label": string(75),
        },
    ),
    "overflow": thing({"options": listed(PLAIN_OPTION, 5)}, ELEMENT),
    "workflow_button": thing({"text": text(75, plain=True), "workflow": anything}, ELEMENT),
}
PICKED = {
    "checkboxes": thing({"options": listed(OPTION, 10)}, ELEMENT),
    "radio_buttons": thing({"options": listed(OPTION, 10)}, ELEMENT),
    "datepicker": thing({}, HINTED),
    "timepicker": thing({}, HINTED),
    "datetimepicker": thing({}, ELEMENT),
}
TYPED = {
    "plain_text_input": thing({}, HINTED | WRITTEN),
    "email_text_input": thing({}, HINTED),
    "url_text_input": thing({}, HINTED),
    "number_input": thing({"is_decimal_allowed": anything}, HINTED),
    "rich_text_input": thing({}, HINTED),
    "file_input": thing({}, ELEMENT),
}
ACTIONS = typed({**PRESSED, **SELECTS, **PICKED})
ACCESSORY = typed({**PRESSED, **SELECTS, **PICKED, "image": PICTURE})
INPUT = typed({**SELECTS, **PICKED, **TYPED})
CONTEXT = typed({"image": PICTURE, "plain_text": text(3000, plain=True), "mrkdwn": text(3000)})
# https://docs.slack.dev/reference/block-kit/blocks/rich-text-block/: its shape, and that no text in it may be empty.
INLINE = typed(
    {
        "text": thing({"text": string(40_000)}),
        "link": thing({"url": string(3000)}, {"text": string(40_000)}),
        "emoji": thing({"name": string(255)}),
        "user": thing({"user_id": string(255)}),
        "usergroup": thing({"usergroup_id": string(255)}),
        "channel": thing({"channel_id": string(255)}),
        "broadcast": thing({"range": one_of("here", "channel", "everyone")}),
        "date": thing({"timestamp": anything, "format": string(255)}),
        "color": thing({"value": string(255)}),
    }
)
LINE = thing({"elements": listed(INLINE, 1000, least=0)})
RICH = typed(
    {
        "rich_text_section": LINE,
        "rich_text_quote": LINE,
        "rich_text_preformatted": thing({"elements": listed(INLINE, 1000)}),
        "rich_text_list": thing(
            {"style": one_of("bullet", "ordered"), "elements": listed(typed({"rich_text_section": LINE}), 1000)}
        ),
    }
)
CELL = typed({"raw_text": thing({"text": string(10_000, least=0)}), "rich_text": anything, "raw_number": anything})
BLOCKS: dict[str, Check] = {
    "actions": thing({"elements": listed(ACTIONS, 25)}),
    "context": thing({"elements": listed(CONTEXT, 10)}),
    "context_actions": thing({"elements": listed(anything, 5)}),
    "divider": thing({}),
    "file": thing({"external_id": string(255), "source": one_of("remote")}),
    "header": thing({"text": text(150, plain=True)}),
    "image": either(
        "image_url",
        "slack_file",
        thing({"alt_text": string(2000)}, {"image_url": string(3000), "title": text(2000, plain=True)}),
    ),
    "input": thing({"label": text(2000, plain=True), "element": INPUT}, {"hint": text(2000, plain=True)}),
    "markdown": thing({"text": string(LARGEST_MARKDOWN)}),
    "rich_text": thing({"elements": listed(RICH, 1000)}),
    "section": either(
        "text", "fields", thing({}, {"text": text(3000), "fields": listed(text(2000), 10), "accessory": ACCESSORY})
    ),
    "table": thing({"rows": listed(listed(CELL, 20), 100)}, {"column_settings": listed(anything, 20, least=0)}),
    "video": thing(
        {
            "alt_text": string(2000),
            "title": text(200, plain=True),
            "thumbnail_url": string(3000),
            "video_url": string(3000),
        },
        {"author_name": string(50), "description": text(200, plain=True)},
    ),
}
VIEW = thing(
    {"type": one_of("modal", "home")},
    {
        "title": text(24, plain=True),
        "submit": text(24, plain=True),
        "close": text(24, plain=True),
        "private_metadata": string(3000, least=0),
        "callback_id": string(255, least=0),
        "external_id": string(255, least=0),
    },
)


def complaints(blocks: Any, surface: Surface, path: str = "/blocks") -> list[str]:
    """List what is wrong with blocks, in Slack's words; nothing if all is well."""
    least, most = BLOCKS_AT[surface]
    found = list(listed(typed(BLOCKS), most, least=least)(blocks, path))
    ids: set[str] = set()
    for number, block in enumerate(blocks if isinstance(blocks, list) else ()):
        if not isinstance(block, dict):
            continue
        here = f"{path}/{number}"
        if surface not in SURFACES.get(str(block.get("type")), (surface,)):
            found.append(wrong(f"unsupported type: {block['type']}", f"{here}/type"))
        if (block_id := block.get("block_id")) is not None:
            found += string(255, least=0)(block_id, f"{here}/block_id")
            if block_id and block_id in ids:
                found.append(wrong(f"`block_id` already exists: {block_id}", f"{here}/block_id"))
            ids.add(str(block_id))
        found += _twice(block, here)
    return found


def _twice(block: dict[str, Any], path: str) -> Iterator[str]:
    known: set[str] = set()
    elements = block.get("elements")
    for number, element in enumerate(elements if isinstance(elements, list) else ()):
        action = element.get("action_id") if isinstance(element, dict) else None
        if action and action in known:
            yield wrong(f"`action_id` already exists: {action}", f"{path}/elements/{number}/action_id")
        known.add(str(action))


def check_blocks(blocks: Any, surface: Surface = "message", *, error: str = "invalid_blocks") -> None:
    """Refuse blocks that are beyond the limits.

    Raises:
        ApiError: they are; with `error`, or with one of those that have their own name.
    """
    if not isinstance(blocks, list):
        raise ApiError("invalid_blocks_format" if error == "invalid_blocks" else error)
    if found := complaints(blocks, surface):
        raise ApiError(error, found)
    kinds = [block["type"] for block in blocks]
    if kinds.count("table") > 1:
        raise ApiError(error, [wrong("only_one_table_allowed", "/blocks")])
    markdown = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    if surface == "message" and (markdown > LARGEST_MARKDOWN or _length(blocks) > LARGEST_OF_ALL):
        raise ApiError("msg_blocks_too_long")


def check_view(view: Any, surface: Surface) -> None:
    """Refuse a view that is beyond the limits.

    Raises:
        ApiError: it is.
    """
    if not isinstance(view, dict):
        raise ApiError("invalid_arguments", [wrong("must provide an object", "/view")])
    found = list(VIEW(view, "/view"))
    if view.get("type") != surface and not found:
        found.append(wrong(f"unsupported type: {view.get('type')}", "/view/type"))
    found += complaints(view.get("blocks"), surface, "/view/blocks")
    if surface == "modal":
        if not view.get("title"):
            found.append(wrong("missing required field: title", "/view"))
        blocks = view.get("blocks")
        kinds = [block.get("type") for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
        if "input" in kinds and not view.get("submit"):
            found.append(wrong("missing required field: submit", "/view"))
    if found:
        raise ApiError("invalid_arguments", found)
    if len(repr(view)) > WIDEST_HOME:
        raise ApiError("view_too_large")


def _length(part: Any) -> int:
    if isinstance(part, dict):
        return sum(len(v) if key == "text" and isinstance(v, str) else _length(v) for key, v in part.items())
    return sum(_length(each) for each in part) if isinstance(part, list) else 0
