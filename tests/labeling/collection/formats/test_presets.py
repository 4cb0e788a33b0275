"""Sets whose columns are known: found, read, corrected in step, and made anew."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.collection.annotation.base import Correction, ImportedTable, Labelling
from labeling.collection.formats import detect_format, find_table, formats
from labeling.collection.formats.presets import PRESETS
from labeling.errors import FormatError
from labeling.records import Region
from tests.support.examples import examples
from tests.support.formats.labelling import assert_comes_back, labellings

URBANSOUND = (
    "slice_file_name,fsID,start,end,salience,fold,classID,class\n"
    "100032-3-0-0.wav,100032,0.0,0.317551,1,5,3,dog_bark\n"
    "100263-2-0-117.wav,100263,58.5,62.5,1,5,2,children_playing\n"
    "100263-2-0-121.wav,100263,60.5,64.5,1,4,2,children_playing\n"
)
KAGGLE2018 = "fname,label,manually_verified\n00044347.wav,Hi-hat,0\n001ca53d.wav,Saxophone,1\n"
NOISY18K = (
    "fname,label,aso_id,manually_verified,noisy_small\n"
    "1.wav,Acoustic_guitar,/m/042v_gx,1,1\n2.wav,Rain,/m/06mb1,0,0\n3.wav,Rain,/m/06mb1,0,1\n"
)
HAWAII = (
    "Filename,Start Time (s),End Time (s),Low Freq (Hz),High Freq (Hz),Species eBird Code\n"
    "U.flac,275.5,276.7,3013,5615,hawama\nU.flac,281.2,281.7,2962,6001,hawama\nV.flac,1,2,0,2627,ercfra\n"
)
WEAK = "filename\tevent_labels\na.wav\tSpeech,Dog\nb.wav\tCat\n"
BACPIPE = (
    "audiofilename,start,end,label:species,label:call_type\naudio/C.wav,0,5,Tree Pipit,A\naudio/D.wav,5,10,Wren,B\n"
)
ISSUES = (
    "filename,is_label_issue,label_score,given_label,predicted_label\n"
    "a.wav,True,0.01,dog,cat\nb.wav,False,0.9,cat,cat\n"
)


def laid(root: Path, name: str, text: str, *sounds: str) -> Path:
    for sound in sounds:
        (root / sound).parent.mkdir(parents=True, exist_ok=True)
        (root / sound).write_bytes(b"x")
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)
    return root


def opened(root: Path, wanted: str) -> ImportedTable:
    assert detect_format(root) == wanted
    return formats.get(wanted).read(find_table(root, wanted), None, {})


def corrected(table: ImportedTable, out: Path, *corrections: Correction) -> str:
    write = formats.get(table.format).write
    assert write is not None
    same = write(table.table_bytes, table.options, {}, out)
    assert same.files[0].read_bytes() == table.table_bytes
    written = write(table.table_bytes, table.options, {one.filename: one for one in corrections}, out)
    assert not written.not_held, written.not_held
    return written.files[0].read_text()


def test_urbansound8k(tmp_path: Path) -> None:
    root = laid(tmp_path / "in", "metadata/UrbanSound8K.csv", URBANSOUND, "audio/fold5/100032-3-0-0.wav")
    table = opened(root, "urbansound8k")
    first = table.clips[0]
    assert first.path == str(root / "audio/fold5/100032-3-0-0.wav")
    assert (first.labels, first.group, first.fold, first.regions) == (("dog_bark",), "100032", "5", ())
    assert table.class_names["children_playing"] == "Children playing"
    assert not table.problems
    swap = Correction(first.filename, "children_playing", ("children_playing",))
    new = Correction("100263-2-0-121.wav", "siren", ("siren",))
    after = corrected(table, tmp_path / "out", swap, new)
    wanted = URBANSOUND.replace("5,3,dog_bark", "5,2,children_playing").replace("4,2,children_playing", "4,4,siren")
    assert after == wanted  # a class that the table had not has the next free number


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("train.csv", "audio_train/00044347.wav"),
        ("FSDKaggle2018.meta/train_post_competition.csv", "FSDKaggle2018.audio_train/00044347.wav"),
    ],
)
def test_fsdkaggle2018(tmp_path: Path, name: str, sound: str) -> None:
    table = opened(laid(tmp_path / "in", name, KAGGLE2018, sound), "fsdkaggle2018")
    assert table.clips[0].path == str(tmp_path / "in" / sound)
    assert table.clips[1].metadata == {"manually_verified": "1"}
    after = corrected(table, tmp_path / "out", Correction("00044347.wav", "Saxophone", ("Saxophone",)))
    assert after == KAGGLE2018.replace("Hi-hat", "Saxophone")


def test_fsdnoisy18k_keeps_ids_in_step(tmp_path: Path) -> None:
    root = laid(tmp_path / "in", "FSDnoisy18k.meta/train.csv", NOISY18K, "FSDnoisy18k.audio_train/1.wav")
    table = opened(root, "fsdnoisy18k")
    assert table.clips[0].path == str(root / "FSDnoisy18k.audio_train/1.wav")
    after = corrected(table, tmp_path / "out", Correction("1.wav", "Rain", ("Rain",)))
    assert after == NOISY18K.replace("Acoustic_guitar,/m/042v_gx", "Rain,/m/06mb1")


def test_annotations_with_times(tmp_path: Path) -> None:
    table = opened(laid(tmp_path / "in", "annotations.csv", HAWAII), "birdset")
    assert table.clips[1].regions == (("ercfra", Region(1, 2, 0, 2627)),)  # one row is enough to have times
    region = Region(3, 4.5, 100, 2000)
    added = Correction("V.flac", "", ("ercfra", "apapan"), (), ("apapan",), regions=(("apapan", region),))
    assert corrected(table, tmp_path / "out", added) == HAWAII + "V.flac,3,4.5,100,2000,apapan\n"
    table = opened(laid(tmp_path / "b", "annotations.csv", BACPIPE), "bacpipe")
    assert (table.clips[0].labels, table.clips[0].metadata) == (("Tree Pipit",), {"label:call_type": "A"})
    chosen = formats.get("bacpipe").read(tmp_path / "b/annotations.csv", None, {"label_column": "label:call_type"})
    assert chosen.clips[1].labels == ("B",)
    strong = "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\nab_30000\t0\t1\t/m/01\n"
    table = opened(laid(tmp_path / "s", "audioset_eval_strong.tsv", strong, "ab_30000.flac"), "audioset_strong")
    assert table.clips[0].path == str(tmp_path / "s/ab_30000.flac")
    assert table.clips[0].regions == (("/m/01", Region(0, 1)),)


def test_weak_labels_and_issues(tmp_path: Path) -> None:
    table = opened(laid(tmp_path / "in", "weak.tsv", WEAK), "dcase_weak")
    assert table.clips[0].labels == ("Speech", "Dog")
    after = corrected(table, tmp_path / "out", Correction("b.wav", "", ("Cat", "Dog"), (), ("Dog",)))
    assert after == WEAK.replace("\tCat", "\tCat,Dog")
    table = opened(laid(tmp_path / "c", "label_issues.csv", ISSUES), "cleanlab")
    assert (table.clips[0].primary, table.clips[0].metadata["is_label_issue"]) == ("dog", "True")
    after = corrected(table, tmp_path / "out", Correction("a.wav", "cat", ("cat",)))
    assert after == ISSUES.replace("0.01,dog", "0.01,cat")


def test_a_lacking_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "UrbanSound8K.csv"
    path.write_text("slice_file_name,class\na.wav,dog\n")
    with pytest.raises(FormatError, match=r"no column fsID, start, .*--format table"):
        formats.get("urbansound8k").read(path, None, {})
    assert detect_format(path) == "table"


def test_of_several_tables_one_must_be_named(tmp_path: Path) -> None:
    laid(tmp_path, "a.csv", HAWAII)
    laid(tmp_path, "b.csv", HAWAII)
    with pytest.raises(FormatError, match=r"holds 2 tables of birdset \(a.csv, b.csv\); give the full path"):
        detect_format(tmp_path)
    laid(tmp_path, "annotations.csv", HAWAII)
    assert find_table(tmp_path, "birdset").name == "annotations.csv"


@examples(80)
@given(st.sampled_from(["table", "birdclef", *(preset.name for preset in PRESETS)]), labellings(most=3))
def test_what_is_written_anew_comes_back(name: str, labelling: Labelling) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_comes_back(labelling, name, Path(folder))
