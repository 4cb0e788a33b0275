"""A clip as a notebook shows it: spectrogram, the model's frames, and a player; one piece of HTML without scripts."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.collection import allowed, store
from labeling.errors import DataError
from labeling.records import Clip, FrameGrid
from labeling.registry import unknown_name
from labeling.review import curves
from labeling.sound.decoding import read_window
from labeling.sound.thumbnail import png_bytes, thumbnail, wav_bytes
from labeling.suspects import queue
from labeling.workspace import Workspace

LONGEST_S = 60.0
"""Of a longer clip, so much is shown: from a little before the stretch that speaks."""
BEFORE_S = 5.0
WIDTH_PX, HEIGHT_PX, LANE_PX = 900, 160, 36


@dataclass(frozen=True)
class Cell:
    """What is shown of a clip and a class: ``levels`` (rows, columns) uint8, ``frames`` (T,) of the class, ``wave``."""

    filename: str
    class_code: str
    onset_s: float
    offset_s: float
    levels: NDArray[np.uint8]
    frames: NDArray[np.float32]
    grid: FrameGrid | None
    wave: bytes
    lines: tuple[str, ...]

    @classmethod
    def of(cls, workspace: Workspace, filename: str, class_code: str = "", run_id: str = "") -> Cell:
        """The clip of this name. Raises DataError where there is none, AudioError where it cannot be read."""
        with workspace.read() as connection:
            ids = store.clip_ids_by_filename(connection)
            if filename not in ids:
                raise DataError(unknown_name("clip", filename, sorted(ids)))
            found = store.clip_by_id(connection, ids[filename])
            assert found is not None
            clip = allowed.file_of(connection, found)
            chosen = queue.current(connection, run_id)
        predicted = curves.prediction(workspace, chosen[0], clip.id) if chosen else None
        frames = predicted.frames_of_class(class_code).copy() if predicted and class_code else np.zeros(0, np.float32)
        grid = predicted.grid if predicted else None
        first_s = _first_s(clip, frames, grid)
        samples, rate = read_window(clip.path, first_s, min(clip.duration_s, first_s + LONGEST_S), channel=clip.channel)
        last_s = first_s + len(samples) / rate
        lines = [f"{first_s:g} to {last_s:.1f} s of {clip.duration_s:.1f} s"]
        if predicted and class_code in predicted.column:
            lines.append(f"{class_code}: {predicted.clipwise_by_code()[class_code]:.2f} by run {predicted.run_id}")
        return cls(
            filename,
            class_code,
            first_s,
            last_s,
            thumbnail(samples, rate, WIDTH_PX, HEIGHT_PX),
            frames,
            grid,
            wav_bytes(samples, rate),
            tuple(lines),
        )

    def _repr_html_(self) -> str:
        picture = base64.b64encode(png_bytes(self.levels)).decode()
        sound = base64.b64encode(self.wave).decode()
        title = html.escape(f"{self.filename} · {self.class_code}" if self.class_code else self.filename)
        return (
            f'<figure style="margin:0;max-width:{WIDTH_PX}px;font:13px system-ui,sans-serif">'
            f"<figcaption><b>{title}</b> <span>{html.escape(' · '.join(self.lines))}</span></figcaption>"
            f'<img alt="spectrogram of {title}" style="width:100%;height:{HEIGHT_PX}px;display:block" '
            f'src="data:image/png;base64,{picture}">{self._lane()}'
            f'<audio controls preload="metadata" style="width:100%" src="data:audio/wav;base64,{sound}"></audio>'
            "</figure>"
        )

    def _lane(self) -> str:
        """The model's frames of the class under the picture, as steps of an SVG; "" where there are none."""
        if self.grid is None or not len(self.frames):
            return ""
        starts = self.grid.start_s + self.grid.step_s * np.arange(len(self.frames) + 1)
        x = np.clip((starts - self.onset_s) / max(1e-9, self.offset_s - self.onset_s), 0, 1) * WIDTH_PX
        y = LANE_PX * (1 - self.frames)
        steps = " ".join(
            f"{a:.1f},{level:.1f} {b:.1f},{level:.1f}" for a, b, level in zip(x[:-1], x[1:], y, strict=True) if b > a
        )
        return (
            f'<svg viewBox="0 0 {WIDTH_PX} {LANE_PX}" preserveAspectRatio="none" role="img" '
            f'aria-label="the model\'s frames of {html.escape(self.class_code)}" '
            f'style="width:100%;height:{LANE_PX}px;display:block;background:#8882">'
            f'<polyline fill="none" stroke="#0f766e" stroke-width="1.5" points="{steps}"/></svg>'
        )


def _first_s(clip: Clip, frames: NDArray[np.float32], grid: FrameGrid | None) -> float:
    if clip.duration_s <= LONGEST_S or grid is None or not len(frames):
        return 0.0
    loudest_s = grid.start_s + grid.step_s * int(frames.argmax())
    return float(np.clip(loudest_s - BEFORE_S, 0, clip.duration_s - LONGEST_S))
