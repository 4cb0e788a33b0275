"""earmark/workspace.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import earmark
from labeling.errors import AudioError, DataError
from labeling.example import FALSE, MISSING, example_collection, example_workspace


def opened() -> earmark.Workspace:
    return earmark.open(example_workspace().root)


def test_five_lines(tmp_path: Path) -> None:
    w = opened()
    df = w.suspects(kind="missing").to_pandas()
    assert tuple(df.iloc[0][["filename", "class"]]) == MISSING
    assert w.decide(df.head(2), "present", reviewer="me") == 2
    w.labels().to_parquet(tmp_path / "l.parquet")
    labels = pd.read_parquet(tmp_path / "l.parquet").set_index(["filename", "class"])
    assert labels.loc[MISSING].to_dict() == {"state": "present", "primary": False, "reviewed": True}
    said = w.verdicts()
    assert said[["filename", "class", "verdict", "reviewer"]].iloc[0].tolist() == [*MISSING, "present", "me"]
    assert w.undo("me") == 2  # the batch as a whole
    assert not len(w.verdicts())
    assert w.undo("me") == 0
    w.close()


def test_cells_may_be_a_row_or_pairs() -> None:
    w = opened()
    assert w.decide([FALSE], "absent", reviewer="me") == 1
    labels = w.labels().set_index(["filename", "class"])
    assert labels.loc[FALSE, "state"] == "absent"
    assert w.decide(w.suspects(kind="missing", limit=1).to_pandas().iloc[0], "unsure", reviewer="me") == 1
    assert w.labels().set_index(["filename", "class"]).loc[MISSING, "state"] == "unsure"
    assert len(w.suspects(status="decided").to_pandas()) == 2
    w.close()


def test_a_decision_keeps_what_was_shown_and_nobody_was_asked() -> None:
    from labeling import journal

    w = opened()
    w.decide(w.suspects(kind="false", limit=1).to_pandas(), "absent", reviewer="me")
    with w.store.read() as connection:
        (entry,) = journal.decisions_where(connection)
    assert (entry.shown.kind, entry.shown.rank, entry.shown.scorer, entry.run_id) == ("false", 2, "earmark", "001-demo")
    assert not entry.shown.was_asked
    w.close()


@pytest.mark.parametrize(
    ("cells", "verdict", "words"),
    [
        ([("amecro/3.wav", "cangoo")], "maybe", "unknown verdict 'maybe'"),
        ([("amecro/9.wav", "cangoo")], "present", "unknown clip 'amecro/9.wav'"),
        ([("amecro/3.wav", "kangoo")], "present", "Did you mean 'cangoo'"),
        (pd.DataFrame({"file": ["a"]}), "present", "cells lack filename and class; they have file"),
    ],
)
def test_what_cannot_be_decided_is_refused_and_nothing_is_stored(cells: object, verdict: str, words: str) -> None:
    w = opened()
    with pytest.raises(DataError, match=words):
        w.decide(cells, verdict, reviewer="me")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="machine"):
        w.decide([MISSING], "present", reviewer="auto:me")
    assert not len(w.verdicts())
    w.close()


def test_a_collection_from_a_table_in_memory_and_ones_own_predictions(tmp_path: Path) -> None:
    collection = example_collection()
    table = pd.DataFrame(
        [(f"{code}/{n}.wav", code) for code in ("amecro", "balori") for n in (1, 2, 3)], columns=["filename", "label"]
    )
    w = earmark.create(tmp_path / "birds", from_=table, audio=str(collection))
    assert repr(w) == "Workspace('birds': 6 clips, 2 classes, 0 runs)"
    with pytest.raises(DataError, match=r"w\.train\(\)"):
        w.suspects()
    probability = pd.DataFrame(0.1, index=table["filename"], columns=["amecro", "balori"])
    for filename, code in table.itertuples(index=False):
        probability.loc[filename, code] = 0.9
    probability.loc["amecro/2.wav"] = [0.05, 0.95]
    frames = [np.repeat(row[None], 4, axis=0) for row in probability.to_numpy()]
    report = w.add_predictions(probability, frames=frames, frame_step_s=0.5, name="mine", claim="elsewhere")
    assert report.lines()
    first = w.suspects(limit=1).to_pandas().iloc[0]
    assert first["filename"] == "amecro/2.wav"
    assert first["offset_s"] == 2.0
    with pytest.raises(DataError, match=r"no scored run '999'; choose from 001-"):
        w.suspects(run="999")
    vectors = np.eye(6, 4, dtype=np.float32) + 0.1
    space = w.add_embeddings(
        vectors, filenames=table["filename"], onset_s=np.zeros(6), offset_s=np.full(6, 2.0), name="own"
    )
    assert "6" in " ".join(space.lines())
    out = w.export(tmp_path / "out")
    assert out.files
    assert not list(w.path.glob(".arrays*"))
    w.close()


def test_a_clip_in_a_cell_has_its_picture_frames_and_sound() -> None:
    w = opened()
    cell = w.show(w.suspects(limit=1).to_pandas().iloc[0])
    text = cell._repr_html_()
    assert "amecro/3.wav · cangoo" in text
    assert "cangoo: 0.85 by run 001-demo" in text
    assert text.count("data:image/png;base64,") == text.count("data:audio/wav;base64,") == text.count("<polyline") == 1
    loud = cell.levels.astype(float).mean(axis=0)  # the tones sound from 0.5 to 1.2 s of 2 s
    columns = len(loud)
    inside = slice(int(0.3 * columns), int(0.55 * columns))
    assert loud[inside].mean() > 3 * np.delete(loud, np.arange(int(0.2 * columns), int(0.65 * columns))).mean()
    rows = cell.levels[:, inside].mean(axis=1)
    assert 0.7 < int(rows[len(rows) // 2 :].argmax() + len(rows) // 2) / len(rows) < 0.9  # 500 Hz is low in the picture
    assert "<svg" not in w.show("amecro/1.wav")._repr_html_()
    with pytest.raises(DataError, match=r"unknown clip 'amecro/11\.wav'"):
        w.show("amecro/11.wav")
    w.close()


def test_a_name_with_markup_is_text_in_a_cell(tmp_path: Path) -> None:
    import shutil

    odd = '"><img src=x onerror=alert(1)>.wav'
    shutil.copy(example_collection() / "amecro" / "1.wav", tmp_path / odd)
    w = earmark.create(tmp_path / "w", pd.DataFrame({"filename": [odd], "label": ["<b>"]}), audio=str(tmp_path))
    text = w.show(odd, "<b>")._repr_html_()
    assert "<img src=x" not in text
    assert "<b>&quot;" in text
    (tmp_path / odd).unlink()
    with pytest.raises(AudioError):
        w.show(odd)
    w.close()
