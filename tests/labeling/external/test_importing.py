"""Predictions made elsewhere become a run: each format gives the same run, and bad ones a clear message."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import average_precision_score

from labeling import runs
from labeling.__main__ import main
from labeling.disagreement.scorers import DEFAULT_SCORER
from labeling.disagreement.scoring import score_run
from labeling.errors import DataError, EarmarkError, FormatError
from labeling.external import LOGIT, PERCENT
from labeling.external.importing import ImportRequest, Report, import_predictions
from labeling.predictions.oof import read_oof
from labeling.quality.scored_run import read_scored_run
from labeling.runs import run_folder
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.workspace import Workspace, open_workspace
from models import worker
from models.folds.keeping import why_not
from tests.support.examples import examples
from tests.support.workspaces.making import CLIPS, add_clips
from tests.support.workspaces.synthetic_oof import finished_run

NAMES = [name for name, _ in CLIPS]
CODES = ["amecro", "balori", "cangoo"]
P = np.array([[0.9, 0.2, 0.1], [0.7, 0.6, 0.05], [0.3, 0.1, 0.8], [0.25, 0.95, 0.4]], np.float32)


def wide(folder: Path, values: Any = P, names: Any = NAMES, codes: Any = CODES, **more: Any) -> Path:
    table = pd.DataFrame(values, columns=codes)
    table.insert(0, "filename", names)
    path = folder / "wide.csv"
    table.assign(**more).to_csv(path, index=False)
    return path


def saved(folder: Path, kind: str, values: Any = P) -> Path:
    """The same predictions in each format."""
    table = pd.DataFrame(values, columns=CODES)
    table.insert(0, "filename", NAMES)
    path = folder / f"p.{'csv' if kind in ('wide', 'long') else 'parquet' if 'parquet' in kind else 'npz'}"
    if kind == "npz":
        np.savez(path, filenames=np.array(NAMES), classes=np.array(CODES), clipwise=values)
        return path
    if kind.startswith("long"):
        table = table.melt("filename", var_name="class", value_name="probability")
    table.to_parquet(path) if kind.endswith("parquet") else table.to_csv(path, index=False)
    return path


def stored(workspace: Workspace, report: Report) -> Any:
    return read_oof(workspace.run_dir(report.run_id) / "oof.zarr")


def queue_of(workspace: Workspace, run_id: str) -> list[tuple[Any, ...]]:
    with workspace.read() as connection:
        rows = queue.rows(connection, read_scored_run(connection, run_id, DEFAULT_SCORER), QueueFilter(order="rank"))
    return [
        (row.suspect.filename, row.suspect.class_code, row.suspect.kind, round(row.suspect.p_wrong, 5)) for row in rows
    ]


KINDS = ("wide", "wide.parquet", "long", "long.parquet", "npz")


@pytest.mark.parametrize("kind", KINDS)
def test_each_format_gives_the_same_run(collection: Workspace, tmp_path: Path, kind: str) -> None:
    report = import_predictions(collection, ImportRequest(saved(tmp_path, kind)))
    oof = stored(collection, report)
    assert (oof.filenames, oof.classes) == (tuple(NAMES), tuple(CODES))
    np.testing.assert_allclose(oof.clipwise, P, atol=1e-7)
    assert oof.offsets[-1] == 0
    assert oof.fold.tolist() == [-1] * 4
    with collection.read() as connection:
        run = runs.get_run(connection, report.run_id)
        assert queue.current(connection) == (report.run_id, DEFAULT_SCORER)
    assert (run.status, run.recipe, run.folds) == ("done", runs.IMPORTED, None)
    truth = np.array([[code in labels for code in CODES] for _, labels in CLIPS])
    use = truth.any(axis=0)
    expected = np.mean([average_precision_score(truth[:, k], P[:, k]) for k in np.flatnonzero(use)])
    assert run.metrics["macro_ap"] == pytest.approx(expected)
    assert run_folder.metrics(collection.run_dir(run.id))["overall"] == run.metrics
    assert not list(collection.runs.glob(".*"))


def test_the_ranking_is_that_of_an_equal_run_made_here(collection: Workspace, tmp_path: Path) -> None:
    """In a workspace of its own, as a scoring weighs all runs that there are."""
    cells = {(row + 1, code): float(P[row, k]) for row in range(4) for k, code in enumerate(CODES)}
    native = finished_run(collection, cells)
    score_run(collection, native)
    oof = read_oof(collection.run_dir(native) / "oof.zarr")
    path = tmp_path / "same.npz"
    frames = np.stack([oof.frames(row) for row in range(4)])
    np.savez(
        path, filenames=np.array(oof.filenames)[::-1], classes=np.array(oof.classes), clipwise=oof.clipwise[::-1],
        framewise=frames[::-1], step_s=oof.grid.step_s, fold=oof.fold[::-1],
    )  # fmt: skip
    with closing(open_workspace(tmp_path / "other", create=True)) as other:
        add_clips(other)
        report = import_predictions(other, ImportRequest(path))
        ours = stored(other, report)
        np.testing.assert_array_equal(ours.clipwise, oof.clipwise)
        np.testing.assert_array_equal(ours.fold, oof.fold)
        for row in range(4):
            np.testing.assert_array_equal(ours.frames(row), oof.frames(row))
        assert queue_of(other, report.run_id) == queue_of(collection, native)


@examples(6)
@given(values=arrays.arrays(np.float32, (4, 3), elements=st.floats(0, 1, width=32)), kind=st.sampled_from(KINDS))
def test_values_come_back_as_they_were_saved(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray, kind: str
) -> None:
    folder = tmp_path_factory.mktemp("w")
    with closing(open_workspace(folder / "w", create=True)) as workspace:
        add_clips(workspace)
        report = import_predictions(workspace, ImportRequest(saved(folder, kind, values)))
        np.testing.assert_allclose(stored(workspace, report).clipwise, values, atol=1e-6)


def test_logits_and_per_cent_are_refused_until_they_are_called_so(collection: Workspace, tmp_path: Path) -> None:
    logits = np.log(P / (1 - P))
    path = wide(tmp_path, logits)
    with pytest.raises(FormatError, match=r"values from -2\.944 to 2\.944 are logits .* give --logits"):
        import_predictions(collection, ImportRequest(path))
    report = import_predictions(collection, ImportRequest(path, unit=LOGIT))
    np.testing.assert_allclose(stored(collection, report).clipwise, P, atol=1e-5)
    path = wide(tmp_path, 100 * P)
    with pytest.raises(FormatError, match="give --percent"):
        import_predictions(collection, ImportRequest(path))
    report = import_predictions(collection, ImportRequest(path, unit=PERCENT))
    np.testing.assert_allclose(stored(collection, report).clipwise, P, atol=1e-6)
    for unit in (LOGIT, PERCENT):
        with pytest.raises(FormatError, match="look like probabilities already"):
            import_predictions(collection, ImportRequest(wide(tmp_path), unit=unit))
    with pytest.raises(FormatError, match=r"to 250 where 0 to 100 per cent"):
        import_predictions(collection, ImportRequest(wide(tmp_path, np.where(P.max() == P, 250, P)), unit=PERCENT))


def test_clips_and_classes_that_only_one_side_has_are_left_out_and_said(collection: Workspace, tmp_path: Path) -> None:
    path = wide(tmp_path, P[:3], ["other.ogg", NAMES[0], NAMES[1]], ["amecro", "dodo", "balori"], comment="text")
    report = import_predictions(collection, ImportRequest(path))
    oof = stored(collection, report)
    assert (oof.filenames, oof.classes) == (tuple(NAMES[:2]), ("amecro", "balori"))
    np.testing.assert_allclose(oof.clipwise, P[1:3][:, [0, 2]])
    text = "\n".join(report.lines())
    assert "2 of 4 clips, 2 classes" in text
    assert "1 clips of the file were passed over: other.ogg (no such clip)." in text
    assert "2 classes of the file were passed over: dodo (no such class), comment (no such class)." in text
    assert "The file says nothing of" in text
    assert report.silent_classes[0] not in oof.classes


def test_classes_are_found_by_name_and_by_a_mapping(collection: Workspace, tmp_path: Path) -> None:
    with collection.read() as connection:
        from labeling.collection import store

        names = {one.code: one.name for one in store.all_classes(connection)}
    theirs = [names["amecro"].upper(), "Orioles", "ignored"]
    mapping = tmp_path / "map.csv"
    mapping.write_text("theirs,code\nOrioles,balori\nignored,\n")
    report = import_predictions(collection, ImportRequest(wide(tmp_path, codes=theirs), classes=mapping))
    assert report.classes == {theirs[0]: "amecro", "Orioles": "balori"}
    assert report.unknown_classes == {"ignored": "passed over, as asked"}
    mapping.write_text("theirs,code\nOrioles,balorio\n")
    with pytest.raises(DataError, match=r"unknown class 'balorio'.*Did you mean 'balori'"):
        import_predictions(collection, ImportRequest(wide(tmp_path, codes=theirs), classes=mapping))


def refused(workspace: Workspace, path: Path, match: str, **options: Any) -> None:
    """Nothing is stored, and nothing is left behind."""
    with pytest.raises(EarmarkError, match=match):
        import_predictions(workspace, ImportRequest(path, **options))
    with workspace.read() as connection:
        assert runs.all_runs(connection) == []
    assert list(workspace.runs.iterdir()) == []


def test_tables_that_cannot_be_used(collection: Workspace, tmp_path: Path) -> None:
    hole = P.copy()
    hole[1, 1] = np.nan
    refused(collection, wide(tmp_path, hole), "1 values are empty or NaN")
    refused(collection, wide(tmp_path, np.where(P > 0.9, np.inf, P)), "finite numbers are needed")
    refused(collection, wide(tmp_path, names=[NAMES[0], *NAMES[:3]]), f"several rows for '{NAMES[0]}'")
    refused(collection, wide(tmp_path, names=list("abcd")), "names none of the workspace's clips: 'a', 'b', 'c'")
    refused(collection, wide(tmp_path, codes=list("xyz")), "names none of the workspace's classes.*--classes")
    twice = tmp_path / "twice.csv"
    twice.write_text(f"filename,amecro,amecro\n{NAMES[0]},0.1,0.2\n")
    refused(collection, twice, "column 'amecro' appears twice")
    refused(collection, wide(tmp_path, codes=["amecro", "AMECRO", "balori"]), "both are class 'amecro'")
    words = tmp_path / "words.csv"
    words.write_text(f"filename,amecro\n{NAMES[0]},0.1\n{NAMES[1]},loud\n")
    refused(collection, words, "'loud' is no number")
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    refused(collection, empty, "no reader fits")
    refused(collection, tmp_path / "none.csv", "nothing at")
    refused(collection, wide(tmp_path), "unknown reader 'wide2'", reader="wide2")
    refused(collection, wide(tmp_path), "claim 'both' is unknown; choose from elsewhere", claim="both")


@pytest.mark.parametrize(
    ("suffix", "content"),
    [(".npz", b"PK\x03\x04 cut short"), (".npz", b"\0" * 99), (".parquet", b"PAR1 cut short PAR1")],
)
def test_damaged_files(collection: Workspace, tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(content)
    refused(collection, path, "npz of plain arrays" if suffix == ".npz" else "no reader fits")


def npz(path: Path, **more: Any) -> Path:
    given = {"filenames": np.array(NAMES), "classes": np.array(CODES), "clipwise": P} | more
    np.savez(path, **{key: value for key, value in given.items() if value is not None})
    return path


def test_arrays_that_cannot_be_used(collection: Workspace, tmp_path: Path) -> None:
    path, frames = tmp_path / "a.npz", np.zeros((4, 5, 3), np.float32)
    refused(collection, npz(path, filenames=np.array(NAMES, object)), "never unpickled; save names as text")
    refused(collection, npz(path, classes=None), "no array 'classes'")
    refused(collection, npz(path, clipwise=None), "neither clipwise nor framewise")
    refused(collection, npz(path, clipwise=P.T), r"shape \(3, 4\) where \(4, 3\)")
    refused(collection, npz(path, filenames=np.array(NAMES[:1] * 4)), "twice")
    refused(collection, npz(path, framewise=frames), "needs step_s")
    refused(collection, npz(path, framewise=frames, step_s=0.0), "must be above 0")
    refused(collection, npz(path, framewise=frames[:3], step_s=1.0), "3 clips where there are 4")
    refused(collection, npz(path, framewise=frames[..., :2], step_s=1.0), "2 columns where there are 3")
    refused(collection, npz(path, framewise=frames.reshape(-1, 3), step_s=1.0), "needs offsets")
    refused(collection, npz(path, framewise=frames.reshape(-1, 3), step_s=1.0, offsets=[0, 5, 10, 15, 19]), "end at 20")
    refused(collection, npz(path, framewise=frames + np.nan, step_s=1.0), "60 values are empty or NaN")
    refused(collection, npz(path, fold=[0, 1]), "fold has shape")


def test_frames_alone_give_the_clip_its_highest(collection: Workspace, tmp_path: Path) -> None:
    frames = np.random.default_rng(0).random((9, 3)).astype(np.float32)
    path = npz(tmp_path / "f.npz", clipwise=None, framewise=frames, offsets=[0, 2, 5, 6, 9], step_s=0.5, start_s=0.25)
    report = import_predictions(collection, ImportRequest(path))
    oof = stored(collection, report)
    expected = np.stack([frames[a:b].max(axis=0) for a, b in ((0, 2), (2, 5), (5, 6), (6, 9))])
    np.testing.assert_allclose(oof.clipwise, expected)
    assert (oof.grid.start_s, oof.grid.step_s, oof.offsets.tolist()) == (0.25, 0.5, [0, 2, 5, 6, 9])
    np.testing.assert_allclose(oof.frames(1), frames[2:5], atol=1e-3)


def test_names_are_data(workspace: Workspace, tmp_path: Path) -> None:
    odd = ('=cmd|"/c calc"!A1.ogg', "<b>x</b>.ogg", "ünïcode 鳥.ogg", "-1.ogg")
    add_clips(workspace, tuple((name, ("amecro",)) for name in odd))
    report = import_predictions(workspace, ImportRequest(wide(tmp_path, names=odd)))
    assert stored(workspace, report).filenames == odd


def test_a_run_of_imported_predictions_is_not_trained_again(collection: Workspace, tmp_path: Path) -> None:
    report = import_predictions(collection, ImportRequest(wide(tmp_path)))
    with collection.read() as connection:
        run = runs.get_run(connection, report.run_id)
    assert "was brought from elsewhere" in why_not(collection, run)
    with pytest.raises(DataError, match="has no recipe and no network here"):
        runs.check_trained(run)
    cut_short = runs.enqueue(collection, runs.IMPORTED, run.label_version, worker="w")
    with pytest.raises(DataError, match="was brought from elsewhere"):
        worker.run_job(collection, cut_short, "w")
    with collection.read() as connection:
        assert runs.get_run(connection, cut_short.id).error == "an import that was cut short; bring the file again"


def test_runs_of_imported_predictions_are_combined_like_others(collection: Workspace, tmp_path: Path) -> None:
    from models.combining.request import Combination, enqueue

    first = import_predictions(collection, ImportRequest(wide(tmp_path)))
    second = import_predictions(collection, ImportRequest(wide(tmp_path, P[:3] / 2, NAMES[:3])))
    made = enqueue(collection, Combination("ensemble", (first.run_id, second.run_id)), worker="w")
    ended = worker.run_job(collection, made, "w")
    assert ended.status == "done"
    np.testing.assert_allclose(read_oof(collection.run_dir(made.id) / "oof.zarr").clipwise, 0.75 * P[:3], atol=1e-6)


def test_the_command(collection: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(collection.root)
    assert main(["predictions", str(wide(tmp_path)), "--workspace", root, "--name", "mine"]) == 0
    said = capsys.readouterr().out
    assert "Run 001-brought (wide): 4 of 4 clips, 3 classes, without frames" in said
    assert "Warning: These predictions cannot be shown to be out-of-fold" in said
    assert main(["predictions", str(wide(tmp_path)), "--workspace", root, "--trained-elsewhere"]) == 0
    assert "Warning" not in capsys.readouterr().out
    assert main(["predictions", str(tmp_path / "none"), "--workspace", root]) == 1
    assert "error: nothing at" in capsys.readouterr().err
    with collection.read() as connection:
        settings = runs.get_run(connection, "001-brought").settings
    assert settings == ("source=wide.csv", "reader=wide", "out_of_fold=unknown", "name=mine")
    assert run_folder.facts(collection.run_dir("001-brought"))["out_of_fold"]["state"] == "unknown"
