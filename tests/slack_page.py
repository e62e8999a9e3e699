"""Blocks as one page of HTML, laid out as Slack does it: light and dark beside each other, on a phone below."""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from bot.adapters.slack_text import unescape
from bot.demo.world import SLACK_PEOPLE

NAMES = {user: name for name, user in SLACK_PEOPLE.items()}
EMOJI = {"white_check_mark": ("good", "\N{HEAVY CHECK MARK}"), "x": ("bad", "\N{HEAVY MULTIPLICATION X}")}
STYLE = """
:root { font: 15px/1.47 "Lato", "DejaVu Sans", sans-serif; }
* { box-sizing: border-box; }
body { margin: 0; padding: 1rem; background: #ece8ee; color: #1d1c1d; }
h1 { font-size: 1.4rem; } h2 { font-size: 1rem; margin: 2rem 0 .4rem; overflow-wrap: anywhere; }
.pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1rem; }
.slack { border-radius: 8px; padding: .8rem 1rem; overflow-wrap: anywhere; }
.light { --ground: #ffffff; --ink: #1d1c1d; --link: #1264a3; --faint: #5a595a; --line: #bbbabb; --code: #f4f4f4;
  --button: #ffffff; --danger: #b3123f; --mention: #fff3d4; --good: #006644; --bad: #b3123f; }
.dark { --ground: #1a1d21; --ink: #d1d2d3; --link: #4fb3e4; --faint: #ababad; --line: #565856; --code: #222529;
  --button: #1a1d21; --danger: #ff7a97; --mention: #3b3320; --good: #5fd39b; --bad: #ff7a97; }
.slack { background: var(--ground); color: var(--ink); }
.who { font-weight: 900; } .app { font-size: .65rem; background: var(--line); color: var(--ink); padding: 1px 4px;
  border-radius: 3px; margin-left: 4px; }
.light .app { background: #dddddd; } .dark .app { background: #35373b; }
.block { margin: .35rem 0; } a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
ul, ol { margin: 0; padding-left: 1.6rem; } .section { white-space: pre-wrap; }
pre { margin: 0; padding: .5rem; background: var(--code); border: 1px solid var(--line); border-radius: 4px;
  font: 12px/1.5 "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.fields { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .3rem 1rem; }
.actions { display: flex; flex-wrap: wrap; gap: .5rem; }
button, .entry { font: inherit; font-size: .85rem; color: var(--ink); background: var(--button); padding: .25rem .75rem;
  border: 1px solid var(--line); border-radius: 4px; max-width: 100%; overflow-wrap: anywhere; }
button { font-weight: 700; } button.danger { color: var(--danger); border-color: var(--danger); }
button.primary { color: #ffffff; background: #007a5a; border-color: #007a5a; }
.entry { display: block; width: 100%; margin-top: .2rem; white-space: pre-wrap; min-height: 2.1em; }
.context, .hint { color: var(--faint); font-size: .8rem; } .context span + span { margin-left: .35rem; }
.header, .title { font-size: 1.15rem; font-weight: 900; } .label { font-weight: 700; }
.mention { background: var(--mention); border-radius: 3px; padding: 0 2px; } .good { color: var(--good); }
.bad { color: var(--bad); } hr { border: 0; border-top: 1px solid var(--line); } img { max-width: 100%; }
.fallback { font-size: .8rem; color: #4a494a; overflow-wrap: anywhere; margin: .3rem 0 0; }
@media (max-width: 700px) { .pair { grid-template-columns: minmax(0, 1fr); }
  .fields { grid-template-columns: minmax(0, 1fr); } body { padding: .5rem; } }
"""

Block = Mapping[str, Any]


def page(shown: Iterable[tuple[str, str, str]]) -> str:
    """Write the page of a gallery.

    Arguments:
        shown: a name, the HTML of what is shown, and what a notification says of it.
    """
    cards = "\n".join(
        f"<article><h2>{escape(name)}</h2><div class=pair>"
        + "".join(f'<div class="slack {theme}">{html}</div>' for theme in ("light", "dark"))
        + (f"</div><p class=fallback>In a notification: {escape(unescape(said))}</p>" if said else "</div>")
        + "</article>"
        for name, html, said in shown
    )
    head = '<meta charset=utf-8><meta name=viewport content="width=device-width"><title>Gordon on Slack</title>'
    return (
        f"<!doctype html><html lang=en>{head}<style>{STYLE}</style><h1>What Gordon says on Slack</h1>\n{cards}</html>"
    )


def message(blocks: Sequence[Block]) -> str:
    """Write the blocks of a message of the app."""
    return f"<div><span class=who>gordon</span><span class=app>APP</span></div>{html_of(blocks)}"


def view(shown: Block) -> str:
    """Write a modal or a Home tab."""
    title = f"<div class=title>{_text(shown['title'])}</div>" if "title" in shown else ""
    below = [f"<button>{_text(shown['close'])}</button>"] if "close" in shown else []
    below += [f"<button class=primary>{_text(shown['submit'])}</button>"] if "submit" in shown else []
    actions = f'<div class="block actions">{"".join(below)}</div>' if below else ""
    return title + html_of(shown["blocks"]) + actions


def image(png: bytes, alt: str) -> str:
    """Write a picture that was uploaded."""
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{b64encode(png).decode()}">'


def html_of(blocks: Sequence[Block]) -> str:
    """Write blocks.

    Raises:
        ValueError: there is a kind among them that nobody has drawn yet.
    """
    return "".join(f"<div class=block>{_block(block)}</div>" for block in blocks)


def _block(block: Block) -> str:
    match block["type"]:
        case "rich_text":
            return "".join(map(_rich, block["elements"]))
        case "section":
            fields = "".join(f"<div>{_text(field)}</div>" for field in block.get("fields", ()))
            words = f"<div class=section>{_text(block['text'])}</div>" if "text" in block else ""
            return words + (f"<div class=fields>{fields}</div>" if fields else "")
        case "actions":
            return f"<div class=actions>{''.join(map(_button, block['elements']))}</div>"
        case "context":
            return f"<div class=context>{''.join(f'<span>{_text(one)}</span>' for one in block['elements'])}</div>"
        case "header":
            return f"<div class=header>{_text(block['text'])}</div>"
        case "divider":
            return "<hr>"
        case "input":
            hint = f"<div class=hint>{_text(block['hint'])}</div>" if "hint" in block else ""
            more = " <span class=hint>(optional)</span>" if block.get("optional") else ""
            return f"<div class=label>{_text(block['label'])}{more}</div>{_entry(block['element'])}{hint}"
        case kind:
            raise ValueError(f"a block of the kind {kind!r} is not drawn yet")


def _rich(element: Block) -> str:
    pieces = element["elements"]
    match element["type"]:
        case "rich_text_section":
            return f"<div class=section>{''.join(map(_piece, pieces))}</div>"
        case "rich_text_preformatted":
            return f"<pre>{''.join(map(_piece, pieces))}</pre>"
        case "rich_text_list":
            return f"<ul>{''.join(f'<li>{_rich(one)}</li>' for one in pieces)}</ul>"
        case kind:
            raise ValueError(f"rich text of the kind {kind!r} is not drawn yet")


def _piece(piece: Block) -> str:
    match piece["type"]:
        case "text":
            html = escape(piece["text"])
        case "link":
            html = f'<a href="{escape(piece["url"])}">{escape(piece.get("text", piece["url"]))}</a>'
        case "user":
            html = _mention(piece["user_id"])
        case "emoji":
            tone, sign = EMOJI[piece["name"]]
            html = f'<span class={tone} role=img aria-label="{piece["name"]}">{sign}</span>'
        case kind:
            raise ValueError(f"text of the kind {kind!r} is not drawn yet")
    return f"<b>{html}</b>" if piece.get("style", {}).get("bold") else html


def _text(text: Block) -> str:
    if text["type"] == "plain_text":
        return escape(text["text"])
    return re.sub(r"&lt;@(\w+)&gt;", lambda found: _mention(found[1]), escape(text["text"]))


def _mention(user: str) -> str:
    return f"<span class=mention>@{escape(NAMES.get(user, user))}</span>"


def _button(button: Block) -> str:
    return f'<button class="{button.get("style", "")}">{_text(button["text"])}</button>'


def _entry(element: Block) -> str:
    chosen = element.get("initial_option", {}).get("text") or element.get("placeholder")
    return f"<span class=entry>{escape(element.get('initial_value', '')) or (_text(chosen) if chosen else '')}</span>"
