"""A picture is drawn from a recording: its frames, their colours and times."""

import json
from pathlib import Path

import pytest

from quotelife_sim.report.picture import draw, frames
from quotelife_sim.report.recording import CLEAR

FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf")


@pytest.fixture
def cast(tmp_path: Path) -> Path:
    path = tmp_path / "demo.cast"
    events = [
        (0.1, "  0.1 s  started\r\n"),
        (0.2, "  0.2 s  ready\r\n"),
        (30.0, f"{CLEAR}first\r\n"),
        (31.1, f"{CLEAR}\x1b[1;32msecond\x1b[0m\r\n"),
        (31.2, f"{CLEAR}\x1b[1;31mthird\x1b[0m\r\n"),
    ]
    header = {"version": 2, "width": 20, "height": 3}
    lines = [header, *([at, "o", data] for at, data in events)]
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    return path


def test_the_last_screen_of_each_interval_is_a_frame(cast: Path) -> None:
    header, found = frames(cast, 1.0, 4.0)
    assert header["width"] == 20
    texts = [" ".join(line.plain for line in frame.lines if line.plain) for frame in found]
    assert texts == ["  0.1 s  started   0.2 s  ready", "first", "third"]
    assert [frame.seconds for frame in found] == pytest.approx([4.0, 1.2, 4.0]), "a long wait is shown in short"


@pytest.mark.skipif(not FONT.exists(), reason="the font DejaVu Sans Mono is not installed")
def test_the_picture_moves_and_has_the_colours(cast: Path, tmp_path: Path) -> None:
    image_of = pytest.importorskip("PIL.Image")
    picture = tmp_path / "demo.gif"
    assert draw(cast, picture, 1.0, 4.0) == picture.stat().st_size < 20_000
    with image_of.open(picture) as image:
        assert image.n_frames == 3
        image.seek(2)
        colours = {colour for _, colour in image.convert("RGB").getcolors()}
    reddish = [(r, g, b) for r, g, b in colours if r > 200 and g < 160 and b < 160]
    assert reddish, colours
