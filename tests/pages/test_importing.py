"""pages/importing.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from labeling.collection.formats import formats
from labeling.workspace import open_workspace
from tests.support.app.pages import errors, show


def look_at(app: AppTest, path: str, audio: str = "") -> AppTest:
    next(box for box in app.text_input if "folder or table" in box.label).set_value(path)
    next(box for box in app.text_input if "Audio folder" in box.label).set_value(audio)
    next(button for button in app.button if button.label == "Look at it").click()
    return app.run()


def clips_of(root: Path) -> int:
    workspace = open_workspace(root)
    with workspace.read() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM clips").scalar()
    workspace.close()
    return int(count or 0)


def make(folder: Path, rows: str) -> Path:
    folder.mkdir()
    noise = 0.1 * np.random.default_rng(0).standard_normal(16000)
    for number, name in enumerate("abc"):
        soundfile.write(folder / f"{name}.wav", np.roll(noise, number), 16000)
    (folder / "t.csv").write_text(rows)
    return folder


def test_a_collection_is_seen_and_heard_before_it_is_stored(
    tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = show(tmp_path / "new", "importing", monkeypatch)
    monkeypatch.setenv("EARMARK_ALLOW", str(trained))
    look_at(app, str(trained / "demo"))
    assert errors(app) == ""
    assert {metric.label: metric.value for metric in app.metric}["Clips"] == "48"
    assert len(app.get("audio")) == 10
    assert clips_of(tmp_path / "new") == 0
    next(button for button in app.button if button.label == "Import 48 clips").click()
    app.run()
    assert errors(app) == ""
    assert "48 clips" in app.code[0].value
    assert clips_of(tmp_path / "new") == 48


def test_the_columns_of_a_table_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path / "t", "filename,who heard what,label\na.wav,owl,x\nb.wav,jay,x\nc.wav,owl,x\n")
    app = look_at(show(tmp_path / "new", "importing", monkeypatch), str(folder / "t.csv"))
    assert "**Labels**: x 3" in [block.value for block in app.markdown]
    next(box for box in app.selectbox if box.label == "Column with one label").set_value("who heard what")
    app.run()
    assert errors(app) == ""
    assert "**Labels**: owl 2, jay 1" in [block.value for block in app.markdown]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("filename,label\nnone.wav,owl\n", "The file is not in"),
        ("a,b\n1,2\n", "no format fits"),
        ("", "is empty"),
        ("filename,label\n<b>.wav,$x$\n", "The file is not in"),
    ],
)
def test_what_cannot_be_used_is_said_and_nothing_is_stored(
    rows: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(tmp_path / "t", rows)
    app = look_at(show(tmp_path / "new", "importing", monkeypatch), str(folder / "t.csv"))
    assert words in errors(app) + " ".join(one.value for one in app.warning)
    assert clips_of(tmp_path / "new") == 0


def test_what_no_format_fits_is_one_sentence_and_what_each_needs_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nothing").mkdir()
    app = look_at(show(tmp_path / "new", "importing", monkeypatch), str(tmp_path / "nothing"))
    assert "holds no table" in errors(app)
    assert "birdclef" not in errors(app)
    needs = app.expander[0].markdown[0].value
    assert needs.count("\n- ") + 1 == sum(known.reads for _, known in formats)


def test_one_of_several_tables_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path / "t", "filename,label\na.wav,owl\nb.wav,owl\n")
    (folder / "u.csv").write_text("filename,label\nc.wav,jay\n")
    app = look_at(show(tmp_path / "new", "importing", monkeypatch), str(folder))
    assert errors(app) == ""
    box = next(box for box in app.selectbox if box.label.startswith("Which of the 2 tables"))
    assert box.options == ["t.csv", "u.csv"]
    app = box.set_value(str(folder / "u.csv")).run()
    assert "**Labels**: jay 1" in [block.value for block in app.markdown]
    next(button for button in app.button if button.label == "Import 1 clip").click()
    app.run()
    assert clips_of(tmp_path / "new") == 1


def test_files_that_were_sent_stay_only_where_they_are_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(tmp_path / "t", "filename,label\na.wav,owl\nb.wav,jay\n")
    files = [(file.name, file.read_bytes(), "") for file in sorted(folder.iterdir())]
    app = show(tmp_path / "new", "importing", monkeypatch)
    app.file_uploader[0].set_value(files)
    look_at(app, "")
    app.file_uploader[0].set_value(files)
    look_at(app, "")
    assert errors(app) == ""
    assert "Sound in the files that were sent; 2 of 2" in " ".join(one.value for one in app.caption)
    assert len(list((tmp_path / "new" / "uploads").iterdir())) == 1
    next(button for button in app.button if button.label == "Import 2 clips").click()
    app.run()
    assert clips_of(tmp_path / "new") == 2
    app.file_uploader[0].set_value(None)
    look_at(app, str(folder))
    (kept,) = (tmp_path / "new" / "uploads").iterdir()
    assert (kept / "a.wav").is_file()


def test_neither_a_path_nor_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Give either files" in errors(look_at(show(tmp_path / "new", "importing", monkeypatch), " "))


def test_a_collection_that_may_not_be_read_comes_with_the_commands_that_lead_on(
    own_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = show(own_copy, "importing", monkeypatch)
    monkeypatch.delenv("EARMARK_ALLOW")
    look_at(app, "/data/my birds/train.csv")
    command, start = (block.value for block in app.code)
    assert command.endswith(f"-m labeling import '/data/my birds/train.csv' --workspace {own_copy}")
    assert start.endswith(f"-m streamlit run app.py -- --workspace {own_copy} --allow '/data/my birds'")
