"""A folder of long recordings as recorders leave it, imported without labels, and a finished prediction of it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import soundfile

from labeling import runs
from labeling.collection import store
from labeling.collection.formats.events.base import TableEvent
from labeling.collection.importing import import_collection
from labeling.workspace import open_workspace
from models.prediction import jobs, tables
from models.prediction.sources import sources_of

RATE, WINDOW_S, LENGTH_S = 8000, 3.0, 60.0
NAMES = (
    "pond/20240612_055940.WAV",  # over the hour
    "pond/20240612_070000.WAV",
    "pond/20240613_060000.WAV",
    "meadow/20240612_060000.WAV",
    "meadow/20240613_235930.WAV",  # over midnight
)
ODD = "meadow/test.wav"
"""A recording whose name says nothing of when."""


def loud(name: str) -> np.ndarray:
    """The scores of a recording's windows: the higher the later at the pond, and low at the meadow."""
    count = int(LENGTH_S / WINDOW_S)
    rising = np.linspace(0.02, 0.99, count)
    return (rising if name.startswith("pond") else 0.3 * rising).round(5)


def add_prediction(root: Path, *, imported: bool = True) -> Path:
    """Recordings in ``field`` beside a workspace, prediction 001 of them for every class of the collection, and (where
    ``imported``) the recordings as clips. What is scored high is a tone in noise. Returns the folder."""
    field = root.parent / "field"
    rng = np.random.default_rng(0)
    for name in (*NAMES, ODD):
        sound = 0.01 * rng.standard_normal(int(LENGTH_S * RATE))
        tone = np.sin(2 * np.pi * 1000 * np.arange(len(sound)) / RATE)
        sound += 0.3 * tone * np.repeat(loud(name), int(WINDOW_S * RATE)) ** 2
        (field / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(field / name, sound, RATE, format="WAV")
    with closing(open_workspace(root)) as workspace:
        with workspace.read() as connection:
            classes = [known.code for known in store.all_classes(connection)]
        if imported:
            import_collection(workspace, field, format="recordings")
        out = jobs.folder_of(workspace, jobs.new_name(workspace)) / jobs.TABLES
        out.mkdir(parents=True)
        tables.begin_folder(out, {"run": "001-demo"}, overwrite=False)
        summary = tables.Summary(out)
        for source in sources_of([str(field)]):
            name = Path(source.path).relative_to(field.resolve()).as_posix()
            values = np.stack([loud(name) * (1 if place == 0 else 0.5) for place in range(len(classes))], axis=1)
            events = (TableEvent(57.0, 60.0, classes[0], 0.99),) if name.startswith("pond") else ()
            result = SimpleNamespace(segments=values, events=events, duration_s=LENGTH_S, note="")
            tables.write_result(out, source, result, classes, WINDOW_S, (50.0, 4000.0))  # type: ignore[arg-type]
            summary.note(source, "done", "", result)  # type: ignore[arg-type]
        summary.write()
        asked = {"run": "001-demo", "audio": [str(field)], "settings": {}, "below": []}
        job = runs.enqueue_job(workspace, runs.PREDICTION, "predict-001", asked, device="cpu", worker="me")
        runs.finish(workspace, job.id, "me", "done", metrics={"recordings": len(NAMES) + 1, "failed": 0})
    return field
