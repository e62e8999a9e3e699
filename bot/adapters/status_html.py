"""An overview as HTML: sections that change each for themselves, and the page around them.

What others have written reaches the page in one way only, through `_shown`: without secrets, on one line, with a mark
for what cannot be seen; Jinja2 escapes it after that. A link leads to a server of the configuration or is none.
"""

import base64
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot import wording
from bot.facts import Diagnosis, Fact
from bot.health import Fact as Number
from bot.overview import Overview, Points
from bot.secret import redact

SECTIONS = ("state", "counts", "running", "queue", "pulls", "verdicts", "flakes", "agents", "parts", "letters", "trail")
FOLDER = Path(__file__).with_name("status_page")
MAX_TITLE_BYTES, MAX_LINE_BYTES = 120, 240
BAR, GAP, HIGH = 5, 1, 24  # of the bars of one day each, in the drawing's own units
TICKS = frozenset({"up_s", "worst_lag_s"})  # numbers that change by themselves, which would never let the page rest


@dataclass(frozen=True, slots=True)
class Rendered:
    """The page at one moment.

    Arguments:
        version: the same for the same sections.
        sections: by the ids of their elements.
    """

    version: str
    sections: Mapping[str, str]
    page: bytes


@dataclass(frozen=True, slots=True)
class Bar:
    """A day's bar in the drawing, and its number."""

    x: int
    y: float
    height: float
    count: int
    day: datetime


class StatusHtml:
    """Writes overviews.

    Arguments:
        origins: `https://ci.example.org` each: where links may lead.
    """

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origins)
        self._style = (FOLDER / "style.css").read_text(encoding="utf-8")
        self._script = (FOLDER / "live.js").read_text(encoding="utf-8")
        jinja = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        jinja.filters |= {
            "link": self._link,
            "utc": _utc,
            "cut": _cut,
            "verdict": _verdict,
            "bars": _bars,
            "facts": _facts,
            "telling": _telling,
        }
        jinja.globals |= {"most_title": MAX_TITLE_BYTES, "most_line": MAX_LINE_BYTES, "ago": _ago}
        self._page = jinja.get_template("page.html")
        self._sections = jinja.get_template("sections.html")

    @property
    def policy(self) -> str:
        """What the browser may do: nothing but our own style and script, and asking us what is new."""
        return (
            f"default-src 'none'; style-src '{_digest(self._style)}'; script-src '{_digest(self._script)}'; "
            "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    def render(self, overview: Overview) -> Rendered:
        """Write the page; it takes a while, so it is for a thread."""
        written = self._sections.make_module({"it": overview})
        sections = {name: str(getattr(written, name)()) for name in SECTIONS}
        version = hashlib.sha256("\0".join(sections.values()).encode()).hexdigest()[:16]
        page = self._page.render(
            it=overview,
            sections=sections,
            version=version,
            style=self._style,
            script=self._script,
        )
        return Rendered(version, sections, page.encode())

    def _link(self, url: str) -> str:
        """Let an address through that leads to one of our servers; "" for any other."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return ""
        is_ours = parts.scheme in ("http", "https") and f"{parts.scheme}://{parts.netloc}" in self._origins
        return url if is_ours else ""


def _shown(value: object) -> object:
    """Write a value so that it can do no harm; what is HTML already was made of such values."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return wording.plain(redact(value))


def _utc(at: datetime | None, now: datetime) -> str:
    """Say when something was: the time, and the day unless it was today."""
    if at is None:
        return "?"
    at = at.astimezone(UTC)
    if at.date() == now.date():
        return f"{at:%H:%M}"
    return f"{at.day} {at:%b %H:%M}" if at.year == now.year else f"{at:%Y-%m-%d}"


def _ago(at: datetime | None, now: datetime) -> str:
    """Say how long ago something was, to the minute: seconds would never let the page rest."""
    if at is None:
        return ""
    minutes = max(0, int((now - at).total_seconds() // 60))
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h" if days < 10 else f"{days} d"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min" if minutes else "under a minute"


def _verdict(fact: Fact) -> str:
    return wording.verdict(fact.diagnosis, fact.node)


def _telling(diagnosis: Diagnosis) -> str:
    """Choose the line that says the most about a failure."""
    return _cut(wording.plain(diagnosis.text), MAX_LINE_BYTES)


def _cut(text: str, at_most: int) -> str:
    """Shorten text to so many bytes; the half of a secret would be known for none."""
    return wording.cut(redact(text), at_most)


def _bars(points: Points, highest: float) -> list[Bar]:
    return [
        Bar(
            number * (BAR + GAP),
            round(HIGH - count / highest * HIGH, 1) if highest else HIGH,
            round(count / highest * HIGH, 1) if highest else 0.0,
            int(count),
            datetime.fromtimestamp(at_s, UTC),
        )
        for number, (at_s, count) in enumerate(points)
    ]


def _facts(facts: Mapping[str, Number]) -> str:
    """Say the numbers of a part in words."""
    told = []
    for name, value in facts.items():
        words = name.removesuffix("_s").replace("_", " ")
        if name in TICKS or value is None or value == {}:
            continue
        if isinstance(value, Mapping):
            inner = (f"{key} {_facts(each) if isinstance(each, Mapping) else each}" for key, each in value.items())
            told.append(f"{words}: {', '.join(inner)}")
        elif isinstance(value, bool):
            told.append(f"{words}: {'yes' if value else 'no'}")
        else:
            told.append(f"{words} {value}")
    return "; ".join(told)


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
