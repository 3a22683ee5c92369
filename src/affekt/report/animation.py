"""The optimisation as a moving picture: one latent's mel at each snapshot, with step and scores in the frame.

The palette is fixed (48 levels of the page's mel colours, 12 greys, two accents), so no quantiser runs and
equal trajectories give equal bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from affekt.report.figures import LOUD, QUIET, indices, palette

MEL_COLOURS, GREYS = 48, 12
RECOGNISER, JUDGE, TRACK = MEL_COLOURS + GREYS, MEL_COLOURS + GREYS + 1, MEL_COLOURS + GREYS + 2
PAPER, INK = MEL_COLOURS, MEL_COLOURS + GREYS - 1
ACCENTS = ((122, 176, 255), (255, 168, 92), (58, 57, 68))  # recogniser, judge, track: as in style.css, dark
HEADER = 62  # pixels above the mel
FRAME_MS, LAST_MS = 220, 2200


@dataclass(frozen=True)
class Frame:
    """One snapshot: raw log mel (80, frames), its step, and the two rates (0-1) at that step."""

    mel: np.ndarray
    step: int
    recogniser: float
    judge: float


def save_animation(path: Path, still: Path, emotion: str, frames: Sequence[Frame]) -> None:
    """Write a looping GIF, and its last frame as a PNG for readers who want no motion and for print."""
    drawn = [_draw(frame, emotion, frames[-1].step) for frame in frames]
    durations = [FRAME_MS] * (len(drawn) - 1) + [LAST_MS]
    drawn[0].save(
        path, format="GIF", save_all=True, append_images=drawn[1:], duration=durations, loop=0, optimize=False,
        disposal=1,
    )  # fmt: skip
    drawn[-1].save(still, format="PNG")


def _palette() -> bytes:
    greys = [(18 + round(222 * i / (GREYS - 1)),) * 3 for i in range(GREYS)]
    table = palette("magma", MEL_COLOURS).tobytes() + bytes(level for colour in (*greys, *ACCENTS) for level in colour)
    return table.ljust(768, b"\0")


def _draw(frame: Frame, emotion: str, last_step: int) -> Image.Image:
    picture = indices(frame.mel, QUIET, LOUD, MEL_COLOURS)
    width = picture.shape[1]
    canvas = np.full((HEADER + picture.shape[0], width), PAPER, dtype=np.uint8)
    canvas[HEADER:] = picture
    _write(canvas, (8, 4), emotion, 14)
    _write(canvas, (width - 8, 4), f"step {frame.step} of {last_step}", 13, right=True)
    for top, name, rate, colour in (
        (25, "recogniser", frame.recogniser, RECOGNISER),
        (43, "judge", frame.judge, JUDGE),
    ):
        _write(canvas, (8, top), name, 12)
        _write(canvas, (width - 8, top), f"{100 * rate:.0f} %", 12, right=True)
        left, right = 84, width - 52
        canvas[top + 4 : top + 12, left:right] = TRACK
        canvas[top + 4 : top + 12, left : left + round((right - left) * min(max(rate, 0.0), 1.0))] = colour
    image = Image.fromarray(canvas)
    image.putpalette(_palette())
    return image


def _write(canvas: np.ndarray, at: tuple[int, int], words: str, size: int, right: bool = False) -> None:
    """Set words into the canvas with the typeface that Pillow carries, in the palette's greys."""
    font = ImageFont.load_default(size)
    mask = Image.new("L", (canvas.shape[1], canvas.shape[0]))
    x = at[0] - round(font.getlength(words)) if right else at[0]
    ImageDraw.Draw(mask).text((x, at[1]), words, fill=255, font=font)
    strength = np.asarray(mask)
    shown = strength > 0
    canvas[shown] = PAPER + np.round(strength[shown] / 255 * (GREYS - 1)).astype(np.uint8)
