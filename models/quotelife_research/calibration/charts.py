"""Tables and charts of the HTML reports, as inline SVG without external files."""

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_WIDTH, _HEIGHT = 440, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 30, 44
COLOURS = ("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2", "#be185d", "#4b5563")
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#111;margin:2em auto;max-width:1380px;padding:0 1em}
h1{font-size:1.5em} h2{margin-top:2em;border-top:1px solid #ccc;padding-top:.6em}
table{border-collapse:collapse;margin:1em 0} td,th{padding:.2em .7em;text-align:right;border-bottom:1px solid #eee}
td:first-child,th:first-child{text-align:left} .row{display:flex;flex-wrap:wrap;gap:18px} figure{margin:0}
svg text{font:11px system-ui,sans-serif;fill:#333} .title{font-weight:600;font-size:13px}
"""


@dataclass(frozen=True)
class Series:
    """Named points (x, y), drawn as a line, as dots, or both."""

    name: str
    points: Sequence[tuple[float, float]]
    line: bool = True
    dots: bool = False
    dashed: bool = False
    colour: int | None = None  # index into COLOURS; by position if None


def page(title: str, body: str) -> str:
    """A complete HTML document without external references."""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title>"
        f"<style>{STYLE}</style><h1>{html.escape(title)}</h1>{body}</html>\n"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<th>{html.escape(h)}" for h in head)
    lines = "".join("<tr>" + "".join(f"<td>{html.escape(c)}" for c in row) for row in rows)
    return f"<table><tr>{cells}{lines}</table>"


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same table as right-aligned text."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in (head, *rows))


def figure(title: str, series: Sequence[Series], x: str, y: str, log: bool = False, diagonal: bool = False) -> str:
    """A chart of the series. `log` uses logarithmic axes and omits points that are not positive."""
    kept = [
        (
            s,
            [(a, b) for a, b in s.points if not log or (a > 0 and b > 0)],
            COLOURS[(i if s.colour is None else s.colour) % len(COLOURS)],
        )
        for i, s in enumerate(series)
    ]
    xs, ys = ([p[axis] for _, points, _ in kept for p in points] for axis in (0, 1))
    if not xs:
        return ""
    if diagonal:
        xs = ys = xs + ys
    place_x, ticks_x = _axis(xs, _LEFT, _WIDTH - _RIGHT, log)
    place_y, ticks_y = _axis(ys, _HEIGHT - _BOTTOM, _TOP, log)
    parts = [
        f"<text class=title x={_LEFT} y=16>{html.escape(title)}</text>",
        *_frame(place_x, ticks_x, place_y, ticks_y),
    ]
    if diagonal:
        low, high = min(xs), max(xs)
        parts.append(_path([(low, low), (high, high)], place_x, place_y, "#999", True))
    for s, points, colour in kept:
        if s.line:
            parts.append(_path(points, place_x, place_y, colour, s.dashed))
        if s.dots:
            parts += [f'<circle cx={place_x(a):.1f} cy={place_y(b):.1f} r=3.5 fill="{colour}"/>' for a, b in points]
    parts += _legend([(s.name, colour) for s, _, colour in kept if s.name])
    parts.append(f"<text x={(_LEFT + _WIDTH - _RIGHT) / 2} y={_HEIGHT - 6} text-anchor=middle>{html.escape(x)}</text>")
    parts.append(
        f'<text transform="translate(13 {_HEIGHT / 2}) rotate(-90)" text-anchor=middle>{html.escape(y)}</text>'
    )
    return _svg(parts, _HEIGHT)


def bars(title: str, values: Sequence[tuple[str, float, float]]) -> str:
    """Horizontal bars of (name, value, half-width of the interval or 0)."""
    height = _TOP + 15 * len(values) + 12
    reach = max((abs(v) + e for _, v, e in values), default=0.0) or 1.0
    low = min(0.0, *(v - e for _, v, e in values))
    left, right = 190, _WIDTH - _RIGHT

    def place(v: float) -> float:
        return left + (v - low) / ((reach - low) or 1.0) * (right - left)

    parts = [f"<text class=title x=8 y=16>{html.escape(title)}</text>"]
    for i, (name, value, error) in enumerate(values):
        y = _TOP + 15 * i
        a, b = sorted((place(0.0), place(value)))
        parts.append(f"<text x={left - 6} y={y + 10} text-anchor=end>{html.escape(name)}</text>")
        parts.append(f'<rect x={a:.1f} y={y + 2} width={b - a:.1f} height=10 fill="{COLOURS[0 if value > 0 else 3]}"/>')
        if error:
            parts.append(f'<path d="M{place(value - error):.1f} {y + 7}H{place(value + error):.1f}" stroke="#111"/>')
    return _svg(parts, height)


def _svg(parts: list[str], height: float) -> str:
    return (
        f'<figure><svg width={_WIDTH} height={height} viewBox="0 0 {_WIDTH} {height}">{"".join(parts)}</svg></figure>'
    )


def _axis(values: Sequence[float], start: float, end: float, log: bool) -> tuple[Callable[[float], float], list[float]]:
    """(Function from value to coordinate, tick values)."""
    low, high = min(values), max(values)
    if log:
        a, b = math.log10(low), math.log10(high)
        b = b if b > a else a + 1
        ticks = [10.0**e for e in range(math.ceil(a - 1e-9), math.floor(b + 1e-9) + 1)]
        return lambda v: start + (math.log10(v) - a) / (b - a) * (end - start), ticks or [low, high]
    low, high = min(low, 0.0), high if high > low else low + 1.0
    step = 10.0 ** math.floor(math.log10(high - low))
    step = next(s for s in (step / 5, step / 2, step, 2 * step) if (high - low) / s <= 7)
    ticks = [n * step for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    return lambda v: start + (v - low) / (high - low) * (end - start), ticks


def _frame(
    place_x: Callable[[float], float], xs: list[float], place_y: Callable[[float], float], ys: list[float]
) -> list[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = [f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill=none stroke="#333"/>']
    for v in xs:
        parts.append(f'<path d="M{place_x(v):.1f} {bottom}v4" stroke="#333"/>')
        parts.append(f"<text x={place_x(v):.1f} y={bottom + 16} text-anchor=middle>{v:g}</text>")
    for v in ys:
        parts.append(f'<path d="M{_LEFT} {place_y(v):.1f}H{right}" stroke="#eee"/>')
        parts.append(f"<text x={_LEFT - 6} y={place_y(v) + 4:.1f} text-anchor=end>{v:g}</text>")
    return parts


def _path(
    points: Sequence[tuple[float, float]],
    place_x: Callable[[float], float],
    place_y: Callable[[float], float],
    colour: str,
    dashed: bool,
) -> str:
    line = "".join(
        f"M{place_x(a):.1f} {place_y(b):.1f}L{place_x(c):.1f} {place_y(d):.1f}" for (a, b), (c, d) in pairwise(points)
    )
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<path d="{line}" fill=none stroke="{colour}" stroke-width="1.6"{dashes}/>'


def _legend(names: list[tuple[str, str]]) -> list[str]:
    parts = []
    for i, (name, colour) in enumerate(names):
        y = _TOP + 10 + 14 * i
        parts.append(f'<rect x={_LEFT + 8} y={y - 7} width=9 height=9 fill="{colour}"/>')
        parts.append(f"<text x={_LEFT + 22} y={y + 1}>{html.escape(name)}</text>")
    return parts
