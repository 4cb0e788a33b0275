"""Corrected tables, and tables made anew, as the sets' own code reads them: a few lines of pandas a set.

The readers are written from what the sets' documentation and baselines do with their tables: which columns they take,
as which types, and where they look for the sound.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from labeling.collection.annotation.base import Correction, LabelledClip, Labelling
from labeling.collection.formats import formats

Said = dict[str, set[str]]
"""The classes of each sound, by its path below the set's folder."""


def esc50(table: Path) -> Said:
    """Folds and targets are numbers; a target is one class, and a class one target."""
    frame = pd.read_csv(table)
    assert frame["fold"].dtype == frame["target"].dtype == "int64"
    assert (frame.groupby("target")["category"].nunique() == 1).all()
    assert (frame.groupby("category")["target"].nunique() == 1).all()
    return {f"audio/{row.filename}": {row.category} for row in frame.itertuples()}


def urbansound8k(table: Path) -> Said:
    """The sound lies in the folder of its fold; classID and class go together."""
    frame = pd.read_csv(table)
    assert frame["classID"].dtype == "int64"
    assert (frame.groupby("classID")["class"].nunique() == 1).all()
    return {
        f"audio/fold{fold}/{name}": {code}
        for name, fold, code in frame[["slice_file_name", "fold", "class"]].itertuples(index=False)
    }


def fsdkaggle2018(table: Path) -> Said:
    """One label a row, which the baseline looks up in the list of classes; manually_verified is a number."""
    frame = pd.read_csv(table)
    assert frame["manually_verified"].dropna().isin([0, 1]).all()
    return {f"audio_train/{row.fname}": {row.label} for row in frame.itertuples()}


def fsdkaggle2019(table: Path) -> Said:
    """Labels parted by commas, made into columns of zeros and ones."""
    flags = pd.read_csv(table, index_col="fname")["labels"].str.get_dummies(",")
    return {f"train_curated/{name}": set(row.index[row == 1]) for name, row in flags.iterrows()}


def fsd50k(table: Path) -> Said:
    """The name without its suffix may be a number; as many mids as labels, and each label one mid."""
    frame = pd.read_csv(table)
    mids: dict[str, str] = {}
    said: Said = {}
    for name, labels, own, split in frame[["fname", "labels", "mids", "split"]].itertuples(index=False):
        assert split in ("train", "val")
        pairs = list(zip(labels.split(","), own.split(","), strict=True))
        assert all(mids.setdefault(label, mid) == mid for label, mid in pairs)
        said[f"FSD50K.dev_audio/{name}.wav"] = {label for label, _ in pairs}
    return said


TABLES = {
    "esc50": (
        esc50,
        "meta/esc50.csv",
        "filename,fold,target,category,esc10,src_file,take\n1-a.wav,1,0,dog,True,1,A\n"
        "2-b.wav,2,36,vacuum_cleaner,False,2,A\n",
        "audio/1-a.wav",
        "vacuum_cleaner",
    ),
    "urbansound8k": (
        urbansound8k,
        "metadata/UrbanSound8K.csv",
        "slice_file_name,fsID,start,end,salience,fold,classID,class\n7-3-0-0.wav,7,0.0,0.3,1,5,3,dog_bark\n"
        "8-1-0-0.wav,8,0.5,4.5,2,6,1,car_horn\n",
        "audio/fold5/7-3-0-0.wav",
        "car_horn",
    ),
    "fsdkaggle2018": (
        fsdkaggle2018,
        "train.csv",
        "fname,label,manually_verified\n00044347.wav,Hi-hat,0\n001ca53d.wav,Saxophone,1\n",
        "audio_train/00044347.wav",
        "Saxophone",
    ),
    "fsd50k": (
        fsd50k,
        "FSD50K.ground_truth/dev.csv",
        'fname,labels,mids,split\n64760,"Guitar,Music","/m/0342h,/m/04rlf",train\n16399,Crushing,/m/07plct2,val\n',
        "FSD50K.dev_audio/64760.wav",
        "Crushing",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_corrected_table_loads_in_the_manner_of_the_sets_code(name: str, tmp_path: Path) -> None:
    baseline, place, text, sound, code = TABLES[name]
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    known = formats.get(name)
    assert known.write is not None
    table = known.read(path, None, {})
    before = baseline(path)
    assert {frozenset(clip.labels) for clip in table.clips} == {frozenset(codes) for codes in before.values()}
    clip = table.clips[0]
    fixed = Correction(clip.filename, code if clip.primary else "", (code,), clip.labels, (code,))
    written = known.write(table.table_bytes, table.options, {clip.filename: fixed}, tmp_path / "out")
    assert written.not_held == ()
    assert baseline(written.files[0]) == before | {sound: {code}}


@pytest.mark.parametrize(
    ("name", "baseline", "sound"),
    [
        ("esc50", esc50, "audio/{name}"),
        ("urbansound8k", urbansound8k, "audio/fold{fold}/{name}"),
        ("fsdkaggle2018", fsdkaggle2018, "audio_train/{name}"),
        ("fsdkaggle2019", fsdkaggle2019, "train_curated/{name}"),
    ],
)
def test_a_table_made_anew_loads_in_the_manner_of_the_sets_code(
    name: str, baseline: Callable[[Path], Said], sound: str, tmp_path: Path
) -> None:
    codes = ("dog", "cat", "Bass_guitar")
    clips = tuple(
        LabelledClip(f"{code}.wav", "", 4.0, 8000, 1, group=str(at), fold=str(at), primary=code, labels=(code,))
        for at, code in enumerate(codes, start=1)
    )
    known = formats.get(name)
    assert known.export is not None
    written = known.export(Labelling("pets", 1, "", clips, dict.fromkeys(codes, "")), tmp_path, {})
    wanted = {sound.format(name=clip.filename, fold=clip.fold): set(clip.labels) for clip in clips}
    assert baseline(written.files[0]) == wanted
