"""Forms as Slack's modals, and modals that were filled in as forms again; pure, within the published limits.

All that is needed to read a modal stands in the modal, as it may be submitted to another process than opened it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from bot.adapters.slack_blocks import Block, blocks_of, plain_text
from bot.adapters.slack_clicks import View
from bot.adapters.slack_text import IN_JSON, clean, cut, one_line, unescape, units
from bot.chat import Blank, Form
from bot.errors import UserError

FORM, TOLD = "form", "told"  # what modals are called: one to fill in, one to read
TITLE_CHARS, LABEL_CHARS, HINT_CHARS, WORD_CHARS = 24, 300, 300, 75
VALUE_CHARS, ID_CHARS, TEXT_CHARS, METADATA_CHARS = 150, 255, 3000, 3000
MAX_OPTIONS = 100
MAX_BLANKS = 90  # of a modal with at most a hundred blocks
ERROR_CHARS = 500
NEEDED = "this is needed"
SAFE = " !\"#$'()*+,/:;=?@[\\]^`{|}~"  # in values; what Slack may escape, and the sign of quoting itself, is quoted
LOADING = "One moment ..."


class About(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a modal is for, which comes back with it.

    Arguments:
        command: of the form.
        channel: the id of where the answer goes; empty: to them alone.
        thread: where it stands there.
        card: the button that the modal was opened by, as time stamp, digest and action.
    """

    command: str = ""
    asks_more: bool = False
    channel: str = ""
    thread: str = ""
    card: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class Filled:
    """A modal that was submitted."""

    form: Form
    values: Mapping[str, str]

    def wrong(self) -> dict[str, str]:
        """Tell by block what is wrong with each blank."""
        found = {}
        for blank in self.form.blanks:
            if blank.is_needed and not self.values.get(blank.name, "").strip():
                found[blank.name] = NEEDED
                continue
            try:
                replace(self.form, blanks=(blank,)).filled(self.values)
            except UserError as error:
                found[blank.name] = cut(str(error), ERROR_CHARS)
        return found

    def refused(self, words: str) -> dict[str, str]:
        """Put the words of a refusal to the blank that they are about, else to the first; nothing where none is."""
        blanks = self.form.blanks
        about = (one for one in blanks if _is_named(one.before.rstrip("="), words) or _is_named(one.label, words))
        blank = next(about, next(iter(blanks), None))
        return {blank.name: cut(words, ERROR_CHARS)} if blank else {}


def form_view(form: Form, about: About) -> Block:
    """Write a form as a modal.

    Raises:
        UserError: it is more than fits in one.
    """
    asked = [block for number, blank in enumerate(form.blanks) if (block := _input(number, blank, form))]
    blocks = asked[:MAX_BLANKS]
    if units(form.title) > TITLE_CHARS:
        blocks = blocks_of(form.title) + blocks
    if left := len(form.blanks) - min(len(asked), MAX_BLANKS):
        blocks += blocks_of(f"{left} more can only be typed, as {form.command} NAME=value")
    if not form.blanks:
        blocks += blocks_of(f"{form.command} takes nothing more; start it?")
    metadata = msgspec.json.encode(
        msgspec.structs.replace(about, command=form.command, asks_more=form.asks_more)
    ).decode()
    if units(metadata) > METADATA_CHARS:
        raise UserError(f"{cut(form.command, HINT_CHARS)} is too long for a form; type it")
    submit = "Next" if form.asks_more else "Start" if form.command.startswith("build") else "Submit"
    return {
        **_modal(form.title, blocks),
        "callback_id": FORM,
        "private_metadata": metadata,
        "submit": plain_text(submit),
    }


def told_view(title: str, words: str) -> Block:
    """Write words as a modal that has nothing to fill in."""
    return {**_modal(title, blocks_of(words)), "callback_id": TOLD}


def about_of(view: View) -> About | None:
    """Read what a modal is for; None if it is none of ours to be filled in."""
    if view.callback_id != FORM:
        return None
    try:
        return msgspec.json.decode(view.private_metadata, type=About)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None


def filled_of(view: View, about: About) -> Filled:
    """Read a modal that was submitted."""
    blanks, values = [], {}
    for block in view.blocks:
        if block.get("type") != "input" or not isinstance(block.get("element"), Mapping):
            continue
        name, action = str(block.get("block_id")), str(block["element"].get("action_id"))
        before, is_rest = _read_action(action)
        label = block.get("label")
        text = str(label.get("text", "")) if isinstance(label, Mapping) else ""
        is_needed = not block.get("optional", False)
        blanks.append(Blank(name, unescape(text), before, is_needed=is_needed, is_rest=is_rest))
        values[name] = _value(view.state.values.get(name, {}).get(action, {}))
    return Filled(Form("", about.command, tuple(blanks), about.asks_more), values)


def options_of(choices: Sequence[str], typed: str = "") -> list[Block]:
    """Write as many of some choices as a menu may have; those that begin with what was typed first."""
    wanted = typed.strip().lower()
    fitting = [choice for choice in choices if wanted in choice.lower() and _fits(choice)]
    fitting.sort(key=lambda choice: not choice.lower().startswith(wanted))
    return [_option(choice) for choice in fitting[:MAX_OPTIONS]]


def _is_named(name: str, words: str) -> bool:
    return bool(name) and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", words) is not None


def _modal(title: str, blocks: list[Block]) -> Block:
    return {
        "type": "modal",
        "title": plain_text(cut(one_line(title) or "Gordon", TITLE_CHARS)),
        "close": plain_text("Close"),
        "blocks": blocks,
    }


def _input(number: int, blank: Blank, form: Form) -> Block | None:
    """Write one blank; None if it could not be read again."""
    action = json.dumps([blank.before, blank.is_rest]).translate(IN_JSON)
    label = cut(one_line(blank.label), LABEL_CHARS) or f"{number + 1}"
    if units(action) > ID_CHARS:
        return None
    block: Block = {
        "type": "input",
        "block_id": f"blank.{number}",
        "label": plain_text(label),
        "optional": not blank.is_needed,
        "element": {"action_id": action, **_element(blank, form)},
    }
    if hint := cut(one_line(blank.hint), HINT_CHARS):
        block["hint"] = plain_text(hint)
    return block


def _element(blank: Blank, form: Form) -> Block:
    choices = list(dict.fromkeys(choice for choice in blank.choices if choice))
    if choices and all(map(_fits, choices)):
        initial = {"initial_option": _option(blank.initial)} if blank.initial in choices else {}
        if len(choices) <= MAX_OPTIONS:
            return {"type": "static_select", "options": [_option(choice) for choice in choices], **initial}
        if form.asks_more:  # whose choices can be asked for again while somebody types
            return {"type": "external_select", "min_query_length": 1, **initial}
    written = {"initial_value": blank.initial} if 0 < units(blank.initial) <= TEXT_CHARS else {}
    return {"type": "plain_text_input", "max_length": TEXT_CHARS, **written}


def _fits(choice: str) -> bool:
    """Tell whether a choice can be shown in a menu as it is."""
    is_shown = clean(choice) == choice == choice.strip() and "\n" not in choice
    return bool(choice) and is_shown and units(choice) <= WORD_CHARS and len(quote(choice, safe=SAFE)) <= VALUE_CHARS


def _option(choice: str) -> Block:
    return {"text": plain_text(choice), "value": quote(choice, safe=SAFE)}


def _read_action(action: str) -> tuple[str, bool]:
    try:
        before, is_rest = msgspec.json.decode(action, type=tuple[str, bool])
    except (msgspec.DecodeError, UnicodeEncodeError):
        return "", False
    return before, is_rest


def _value(state: Mapping[str, Any]) -> str:
    chosen = state.get("selected_option")
    if isinstance(chosen, Mapping):
        return unquote(str(chosen.get("value") or ""))
    value = state.get("value")
    return value if isinstance(value, str) else ""
