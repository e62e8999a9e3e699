"""Pictures of numbers over time: PNG, twice as wide as high, on a ground of their own for light and dark.

Matplotlib is loaded with the first picture, and drawn with in one thread, as it is safe in no more. The end of the
program waits for what is being drawn, which is a fraction of a second: ending within Matplotlib would abort it.
"""

import asyncio
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from itertools import islice

from bot.adapters.slack_text import cut, one_line
from bot.chat import Picture, Series
from bot.errors import Unavailable

SIZE_INCHES, DPI = (8.0, 4.0), 150  # 1,200 by 600
MAX_SERIES = 8  # as many as can be told apart
MAX_POINTS = 400  # of a series: more than there is room to see
MAX_WAITING = 4
WITHIN_S = 20.0  # the first one loads the library
ALT_CHARS = 1_000  # a file's description takes no more
TITLE_CHARS, NAME_CHARS = 80, 40
LARGEST = 1e15
DAY_S = 86_400.0
LAST_S = 4_102_444_800.0  # the year 2100; what is later is no time that anything was measured at

INK, FAINT, GROUND = "#1d1c1d", "#d0d0d0", "#ffffff"
# Dark enough on white, and told apart by who sees no red or green; the dashes say the same once more.
STYLES = (
    ("#0072b2", "-"),
    ("#b34700", "--"),
    ("#00795a", "-."),
    ("#8f3f71", ":"),
    ("#5b5b00", "-"),
    ("#1d1c1d", "--"),
    ("#6a51a3", "-."),
    ("#a50026", ":"),
)  # fmt: skip


class Pictures:
    """Draws one picture after the other beside the loop."""

    def __init__(self, within_s: float = WITHIN_S) -> None:
        self._within_s = within_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pictures")
        self._waiting = 0

    async def draw(self, picture: Picture) -> bytes:
        """Draw a picture as PNG.

        Raises:
            Unavailable: too many wait, or it takes too long.
        """
        if self._waiting >= MAX_WAITING:
            raise Unavailable("pictures", "drawing, as others wait already")
        self._waiting += 1
        try:
            drawing = asyncio.get_running_loop().run_in_executor(self._thread, draw, picture)
            return await asyncio.wait_for(drawing, self._within_s)
        except TimeoutError as error:
            raise Unavailable("pictures", f"drawing within {self._within_s:g} s") from error
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let the thread end with what it draws; what waits is not drawn."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def draw(picture: Picture) -> bytes:
    """Draw a picture as PNG; the same numbers give the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties, findfont, get_font
    from matplotlib.ticker import MaxNLocator

    known = get_font(findfont(FontProperties())).get_charmap()

    def shown(text: str, at_most: int) -> str:
        """Leave of a text what can be drawn; a dollar would begin a formula."""
        return cut("".join(char if ord(char) in known else "?" for char in one_line(text)), at_most).replace("$", r"\$")

    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, facecolor=GROUND, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_facecolor(GROUND)
    is_share = picture.unit == "%"
    lines, names, is_whole = [], [], True
    for series, (colour, dashes) in zip(drawable(picture), STYLES, strict=False):
        days = [at_s / DAY_S for at_s, _ in series.points]
        values = [value * 100 if is_share else value for _, value in series.points]
        is_whole = is_whole and all(value.is_integer() for value in map(float, values))
        marker = "o" if len(days) == 1 else ""
        lines += axes.plot(days, values, color=colour, linestyle=dashes, linewidth=2, marker=marker)
        names.append(shown(series.name, NAME_CHARS) or "?")
    axes.set_title(shown(picture.title, TITLE_CHARS), loc="left", color=INK, fontsize=13, fontweight="bold")
    axes.set_ylabel(shown(picture.unit, NAME_CHARS), color=INK)
    axes.tick_params(colors=INK)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)
    if lines:
        lowest, highest = axes.get_ylim()
        axes.set_ylim(min(0.0, lowest), highest if highest > 0 else 1.0)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=is_whole))
        where = AutoDateLocator(minticks=3, maxticks=8, tz=UTC)  # type: ignore[no-untyped-call]  # it has no types
        axes.xaxis.set_major_locator(where)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(where, tz=UTC))  # type: ignore[no-untyped-call]
        axes.set_xlabel("UTC", color=INK)
        figure.legend(lines, names, loc="outside lower center", ncols=min(4, len(lines)), frameon=False, labelcolor=INK)
    else:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no numbers yet", transform=axes.transAxes, ha="center", color=INK, fontsize=16)
    written = BytesIO()
    figure.savefig(written, format="png", facecolor=GROUND, metadata={"Software": None})
    return written.getvalue()


def alt_of(picture: Picture) -> str:
    """Say in words what a picture shows, for those who cannot see it."""
    told = [_told(series, picture.unit) for series in drawable(picture)]
    head = ", ".join(filter(None, (one_line(picture.title), one_line(picture.unit))))
    return cut(f"{head or 'a picture'}: {'; '.join(told) or 'no numbers yet'}", ALT_CHARS)


def drawable(picture: Picture) -> Sequence[Series]:
    """Choose what of a picture is drawn: the first series that have numbers, each with no more points than one sees."""
    sound = (Series(series.name, tuple(filter(_is_sound, series.points))) for series in picture.series)
    some = islice((series for series in sound if series.points), MAX_SERIES)
    return [Series(series.name, _thinned(series.points)) for series in some]


def _is_sound(point: tuple[float, float]) -> bool:
    at_s, value = point
    return 0 <= at_s <= LAST_S and math.isfinite(value) and abs(value) <= LARGEST


def _thinned(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Keep the lowest and the highest of each stretch, so that no peak is lost."""
    if len(points) <= MAX_POINTS:
        return points
    stretch = math.ceil(len(points) / (MAX_POINTS // 2))
    kept: list[tuple[float, float]] = []
    for begin in range(0, len(points), stretch):
        some = points[begin : begin + stretch]
        kept += sorted({min(some, key=lambda one: one[1]), max(some, key=lambda one: one[1])})
    return tuple(kept)


def _told(series: Series, unit: str) -> str:
    (begin_s, first), (end_s, last) = series.points[0], series.points[-1]
    values = [value for _, value in series.points]
    name = cut(one_line(series.name), NAME_CHARS) or "?"
    if len(values) == 1:
        return f"{name} {_number(first, unit)} at {_at(begin_s)}"
    return (
        f"{name} from {_number(first, unit)} at {_at(begin_s)} to {_number(last, unit)} at {_at(end_s)}, "
        f"lowest {_number(min(values), unit)}, highest {_number(max(values), unit)}"
    )


def _number(value: float, unit: str) -> str:
    return f"{value * 100:.3g} %" if unit == "%" else f"{value:,.4g}"


def _at(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
