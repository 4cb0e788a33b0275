"""What users hand over by mistake, through the command lines: a clear message, exit status 1, nothing lost."""

from __future__ import annotations

import errno
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from labeling import journal, runs
from labeling.__main__ import main as labeling
from labeling.collection import classes, store
from labeling.journal import versions
from labeling.suspects.filter import QueueFilter
from labeling.workspace import Workspace, open_workspace
from models.__main__ import main as models
from pages.ui.queue import worklist
from tests.support import ROOT
from tests.support.workspaces.making import copy_workspace

ODD_LABELS = ("<img src=x onerror=alert(1)>", 'say "hi", ok', "🐦", "=cmd()", "a,b", "O'Brien", "a|b=c%7C", "\x1b[2J")


def fails(capsys: pytest.CaptureFixture[str], arguments: list[str], word: str, main=labeling) -> None:  # type: ignore[no-untyped-def]
    """The command ends with 1 and one message on stderr that holds ``word``."""
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert word in error
    assert "Traceback" not in error


def make_birdclef(folder: Path) -> None:
    """A collection with one file of each bad kind, odd labels, and rows that lead outside."""
    audio = folder / "train_audio" / "amecro"
    audio.mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows: list[tuple[str, str, str, str]] = []

    def add(name: str, primary: str = "amecro", secondary: str = "[]") -> Path:
        rows.append((primary, secondary, f"amecro/{name}", f"rec{len(rows)}"))
        return audio / name

    def noise(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
        return (0.1 * rng.standard_normal((round(seconds * rate), channels))).astype(np.float32)

    for k, label in enumerate(ODD_LABELS):
        soundfile.write(add(f"odd{k}.wav", label, repr([ODD_LABELS[k - 1]])), noise(1.0, 16000), 16000)
    soundfile.write(add("rate96.wav"), noise(1.0, 96000), 96000)
    soundfile.write(add("eight.wav"), noise(1.0, 16000, 8), 16000)
    soundfile.write(add("ms10.wav"), noise(0.01, 16000), 16000)
    holes = noise(1.0, 16000)
    holes[2000:4000] = np.nan
    soundfile.write(add("nan.wav"), holes, 16000, subtype="FLOAT")
    add("zero.ogg").touch()
    whole = io.BytesIO()
    soundfile.write(whole, noise(3.0, 16000), 16000, format="FLAC")
    add("cut.flac").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    soundfile.write(add("lies.wav"), noise(1.0, 16000), 16000)
    content = bytearray((audio / "lies.wav").read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = (2**31 - 2).to_bytes(4, "little")
    (audio / "lies.wav").write_bytes(content)
    add("text.ogg").write_text("not sound at all, but more than a header long")
    add("gone.ogg")
    rows.append(("amecro", "[]", "../../../etc/passwd", "x"))
    lines = ["primary_label,secondary_labels,filename,author"]
    lines += [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    (folder / "train_metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that imported all of them, and trained on them."""
    root = tmp_path_factory.mktemp("bad")
    make_birdclef(root / "birds")
    assert labeling(["import", str(root / "birds"), "--workspace", str(root / "w")]) == 0
    tiny = [word for setting in ("train.epochs=1", "network.widths=[8,16,24,32]") for word in ("--set", setting)]
    assert models(["train", "demo", "--workspace", str(root / "w"), "--folds", "2", "--device", "cpu", *tiny]) == 0
    return root


@pytest.fixture
def copied(bad: Path, tmp_path: Path) -> Path:
    return copy_workspace(bad / "w", tmp_path / "w")


def test_bad_files_are_recorded_and_stop_neither_the_import_nor_a_training(bad: Path) -> None:
    workspace = open_workspace(bad / "w")
    with workspace.read() as connection:
        skipped = {clip.filename.split("/")[1]: clip.status for clip in store.skipped_clips(connection)}
        usable = {clip.filename.split("/")[1] for clip in store.usable_clips(connection)}
        run = runs.get_run(connection, "001-demo")
    workspace.close()
    assert skipped == {"ms10.wav": "too_short", "zero.ogg": "unreadable", "text.ogg": "unreadable",
                       "gone.ogg": "missing"}  # fmt: skip
    assert {"rate96.wav", "eight.wav", "nan.wav", "cut.flac", "lies.wav"} < usable
    assert run.status == "done"


def test_odd_labels_come_back_from_an_export_as_they_were(
    bad: Path, copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (bad / "birds" / "train_metadata.csv").read_bytes().splitlines()
    table = tmp_path / "d.csv"
    table.write_text('filename,class,verdict\namecro/rate96.wav,"\'=cmd()",present\n', encoding="utf-8")
    assert labeling(["decide", str(table), "--workspace", str(copied), "--reviewer", "me"]) == 0
    out = str(tmp_path / "out")
    assert labeling(["export", "--workspace", str(copied), "--format", "birdclef", "--out", out]) == 0
    after = (tmp_path / "out" / "train_metadata.csv").read_bytes().splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [b'"amecro","[\'=cmd()\']","amecro/rate96.wav","rec8"']
    assert b"amecro/rate96.wav,'=cmd(),absent,secondary" in (tmp_path / "out" / "changes.csv").read_bytes()
    capsys.readouterr()
    assert labeling(["suspects", "--workspace", str(copied)]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_an_unknown_class_or_a_lacking_column_stores_nothing(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "d.csv"
    flags = ["--workspace", str(copied), "--reviewer", "me"]
    table.write_text("filename,class,verdict\namecro/nan.wav,amecro,present\namecro/nan.wav,amecroo,present\n")
    fails(capsys, ["decide", str(table), *flags], "row 3: unknown class 'amecroo'")
    table.write_text("file,class,verdict\n")
    fails(capsys, ["decide", str(table), *flags], "has no column filename")
    table.write_text("filename,class,verdict\namecro/nan.wav,amecro,present\n")
    fails(capsys, ["decide", str(table), *flags[:3], "a\udcff"], "not valid Unicode")
    workspace = open_workspace(copied)
    with workspace.read() as connection:
        assert journal.position(connection) == 0
    workspace.close()


def test_an_empty_workspace_path_makes_nothing_where_one_stands(
    bad: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    fails(capsys, ["import", str(bad / "birds"), "--workspace", ""], "the path is empty")
    assert not list(tmp_path.iterdir())


def test_a_done_run_whose_predictions_are_damaged_is_resumed(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = ["train", "demo", "--workspace", str(copied), "--resume", "001-demo"]
    assert models(train) == 0
    assert "done already" in capsys.readouterr().out
    clipwise = copied / "runs" / "001-demo" / "oof.zarr" / "clipwise"
    before = {path.name: path.read_bytes() for path in clipwise.rglob("*") if path.is_file()}
    shutil.rmtree(clipwise)
    fails(capsys, ["score", "--workspace", str(copied)], "clipwise")
    assert models(train) == 0
    assert {path.name: path.read_bytes() for path in clipwise.rglob("*") if path.is_file()} == before
    assert labeling(["score", "--workspace", str(copied)]) == 0


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["quick", "--resume", "001-demo"], "RECIPE 'quick' is not what run 001-demo was started with ('demo')"),
        (["demo", "--resume", "001-demo", "--folds", "3"], "--folds 3"),
        (["--resume", "7"], "no run '7'; choose from 001-demo"),
        (["demo", "--version", "0"], "no label version 0"),
        (["demo", "--folds", "101"], "folds.folds = 101"),
        ([], "name a recipe"),
    ],
)
def test_a_training_that_cannot_be_meant_is_not_queued(
    copied: Path, capsys: pytest.CaptureFixture[str], flags: list[str], word: str
) -> None:
    fails(capsys, ["train", *flags, "--workspace", str(copied)], word, models)
    workspace = open_workspace(copied)
    with workspace.read() as connection:
        assert [run.id for run in runs.all_runs(connection)] == ["001-demo"]
    workspace.close()


def test_a_run_is_resumed_though_a_class_was_added_since(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = open_workspace(copied)
    with workspace.write() as connection:
        classes.add_class(connection, "aaa-new")  # sorts before all others
    folder = workspace.run_dir("001-demo")
    workspace.close()
    shutil.rmtree(folder / "oof.zarr")
    assert models(["train", "--workspace", str(copied), "--resume", "001-demo"]) == 0


def test_a_terminal_that_cannot_show_a_label_gets_the_rest(monkeypatch: pytest.MonkeyPatch, copied: Path) -> None:
    raw = io.BytesIO()
    terminal = io.TextIOWrapper(raw, encoding="ascii")
    with monkeypatch.context() as patched:
        patched.setattr("sys.stdout", terminal)
        assert labeling(["suspects", "--workspace", str(copied)]) == 0
    assert b"\\U0001f426" in raw.getvalue()


def test_a_user_without_a_name_can_freeze(collection: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 54321")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert labeling(["freeze", "--workspace", str(collection.root)]) == 0
    with collection.read() as connection:
        assert versions.get_version(connection, 1).created_by == "unknown"


def test_a_demo_on_a_disk_that_refuses_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("labeling.storage.files.os.fsync", full)
    fails(capsys, ["demo", "--workspace", str(tmp_path / "w"), "--clips", "2"], "no space left to write")


def test_a_table_that_lost_a_corrected_row_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, w = tmp_path / "c", str(tmp_path / "w")
    folder.mkdir()
    for name in "abc":
        soundfile.write(folder / f"{name}.wav", np.random.default_rng(ord(name)).uniform(-0.1, 0.1, 8000), 8000)
    (folder / "t.csv").write_text("filename,label\na.wav,x\nb.wav,y\n")
    assert labeling(["import", str(folder), "--workspace", w]) == 0
    (tmp_path / "d.csv").write_text("filename,class,verdict\na.wav,x,absent\na.wav,y,present\n")
    assert labeling(["decide", str(tmp_path / "d.csv"), "--workspace", w, "--reviewer", "me"]) == 0
    (folder / "t.csv").write_text("filename,label\nb.wav,y\nc.wav,x\n")
    assert labeling(["import", str(folder / "t.csv"), "--workspace", w]) == 0
    capsys.readouterr()
    assert labeling(["export", "--workspace", w, "--out", str(tmp_path / "out")]) == 0
    assert "1 changed clips are in none of these tables" in capsys.readouterr().out
    assert (tmp_path / "out" / "t.csv").read_text() == "filename,label\nb.wav,y\nc.wav,x\n"
    assert "a.wav,y,absent" in (tmp_path / "out" / "changes.csv").read_text()


@pytest.mark.parametrize("label", ODD_LABELS)
def test_a_filter_of_any_label_survives_its_url(label: str) -> None:
    wanted = QueueFilter(classes=(label, "x"), metadata=((label, label), ("b", "c")), min_p_wrong=0.3)
    assert worklist.filter_from(worklist.params_of(wanted)) == wanted


@pytest.mark.parametrize("params", [{"p": "7"}, {"p": "nan"}, {"rating": "-1"}, {"fold": "²"}, {"fold": "9" * 30},
                                    {"kind": "x"}, {"order": "x"}, {"status": "x"}, {"meta": "x"}])  # fmt: skip
def test_a_url_by_hand_never_gives_a_filter_that_cannot_be_drawn(params: dict[str, str]) -> None:
    found = worklist.filter_from(params)
    assert 0 <= found.min_p_wrong <= 1
    assert found == worklist.filter_from({})
    assert not worklist.is_number("²")
    assert not worklist.is_number("9" * 30)


def test_a_second_choice_in_a_filter_is_not_lost(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A widget whose default followed the choice was another widget at the next press, and forgot it."""
    monkeypatch.setenv("EARMARK_WORKSPACE", str(copied))
    app = AppTest.from_file(str(ROOT / "pages" / "navigation.py"), default_timeout=60).run()

    def rows(shown: AppTest) -> object:
        return json.loads(shown.get("bidi_component")[0].proto.json)["rows"]

    app.query_params["p"] = "0"
    app.switch_page("queue.py").run()
    everything = rows(app)
    for label in app.multiselect[0].options[:2]:
        app.multiselect[0].select(label).run()
    assert len(app.multiselect[0].value) == 2
    assert app.query_params["class"] == "|".join(map(worklist.escaped, app.multiselect[0].value))
    app.multiselect[0].set_value([]).run()
    assert not app.exception
    assert rows(app) == everything
    app.session_state["queue_more"] = True  # the popover, opened
    app.run()
    for value in (0.1, 0.95):
        app.slider[0].set_value(value).run()
    assert app.slider[0].value == 0.95
