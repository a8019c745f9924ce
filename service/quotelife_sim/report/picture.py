"""Draws a recording as an animated picture: `python -m quotelife_sim.report.picture FILE.cast PICTURE.gif`.

It reads the recordings of `quotelife simulate --record`, whose frames are text with colours on a cleared screen, and
needs Pillow, which the environment of the tests has, and the font DejaVu Sans Mono.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.text import Text

from quotelife_sim.report.recording import CLEAR

_FONTS = Path("/usr/share/fonts/truetype/dejavu")
_SIZE = 13  # of the font, in pixels
_BACKGROUND, _FOREGROUND, _DIM = "#101418", "#d5dbe1", "#8a949e"
# of the codes 30 to 37: black, red, green, yellow, blue, magenta, cyan, white
_COLOURS = (_DIM, "#ff7b72", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#76e3ea", _FOREGROUND)
_SHADES = 4  # of each colour in the picture, for smooth letters


class Frame(NamedTuple):
    """A screen, and for how long it is shown."""

    seconds: float
    lines: list[Text]


def frames(cast: Path, every_s: float, longest_s: float) -> tuple[dict[str, Any], list[Frame]]:
    """The header and the screens of a recording, at most one each `every_s`; the last of each interval, and the end.
    No screen is shown for longer than `longest_s`: a start that compiles is shown in short."""
    header, *events = map(json.loads, cast.read_text(encoding="utf-8").splitlines())
    screen, shown = "", list[tuple[float, str]]()
    for at_s, _, data in events:
        screen = data.removeprefix(CLEAR) if data.startswith(CLEAR) else screen + data
        if shown and at_s // every_s == shown[-1][0] // every_s:
            shown[-1] = (at_s, screen)
        else:
            shown.append((at_s, screen))
    ends = [at_s for at_s, _ in shown[1:]] + [shown[-1][0] + longest_s]
    found = []
    for (at_s, text), end_s in zip(shown, ends, strict=True):
        lines = Text.from_ansi(text.replace("\r\n", "\n")).split("\n", allow_blank=True)
        found.append(Frame(min(end_s - at_s, longest_s), list(lines)[: header["height"]]))
    return header, found


def draw(cast: Path, picture: Path, every_s: float, longest_s: float) -> int:
    """Write the picture; returns its size in bytes."""
    from PIL import Image, ImageDraw, ImageFont

    header, shown = frames(cast, every_s, longest_s)
    fonts = [ImageFont.truetype(_FONTS / f"DejaVuSansMono{bold}.ttf", _SIZE) for bold in ("", "-Bold")]
    wide, high = round(fonts[0].getlength("M")), _SIZE + 4
    images = []
    for frame in shown:
        image = Image.new("RGB", (wide * (header["width"] + 2), high * (header["height"] + 1)), _BACKGROUND)
        canvas = ImageDraw.Draw(image)
        for row, line in enumerate(frame.lines):
            for column, (character, style) in enumerate(_characters(line)):
                bold, colour = style
                place = (wide * (column + 1), high * row + high // 2)
                canvas.text(place, character, fill=colour, font=fonts[bold])
        images.append(image)
    palette = Image.new("P", (1, 1))
    palette.putpalette(_palette())
    images = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    durations = [max(round(1_000 * frame.seconds), 20) for frame in shown]
    images[0].save(picture, save_all=True, append_images=images[1:], duration=durations, loop=0, optimize=True)
    return picture.stat().st_size


def _palette() -> list[int]:
    """Red, green and blue of the background and of each colour in _SHADES steps from it. All frames have the same
    palette: they then differ in little, and the picture is small."""
    background = _rgb(_BACKGROUND)
    found = list(background)
    for colour in dict.fromkeys((_FOREGROUND, *_COLOURS)):
        for shade in range(1, _SHADES + 1):
            pairs = zip(background, _rgb(colour), strict=True)
            found += [round(back + (front - back) * shade / _SHADES) for back, front in pairs]
    return found


def _rgb(colour: str) -> list[int]:
    return list(bytes.fromhex(colour.removeprefix("#")))


def _characters(line: Text) -> list[tuple[str, tuple[bool, str]]]:
    """Each character with whether it is bold, and its colour."""
    styles = [(False, _FOREGROUND)] * len(line.plain)
    for span in line.spans:
        style = span.style
        if isinstance(style, str):
            continue
        colour = _DIM if style.dim else _FOREGROUND
        if style.color is not None and style.color.number is not None:
            colour = _COLOURS[style.color.number % len(_COLOURS)]
        styles[span.start : span.end] = [(bool(style.bold), colour)] * (min(span.end, len(styles)) - span.start)
    return list(zip(line.plain, styles, strict=True))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draws a recording of `quotelife simulate --record` as a GIF.")
    parser.add_argument("cast", type=Path, help="the recording")
    parser.add_argument("picture", type=Path, help="the GIF to write")
    parser.add_argument("--every", type=float, default=2.0, metavar="S", help="seconds between two frames")
    parser.add_argument("--longest", type=float, default=4.0, metavar="S", help="longest time that a frame is shown")
    options = parser.parse_args(arguments)
    size = draw(options.cast, options.picture, options.every, options.longest)
    print(f"{options.picture}: {size / 1_000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
