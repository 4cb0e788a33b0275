"""FSD50K: its folders, mids in step, parents, and ratings as verdicts."""

from __future__ import annotations

import csv
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given

from labeling.collection.annotation.base import Correction, LabelledClip, Labelling, StatedVerdict
from labeling.collection.formats import detect_format, find_table
from labeling.collection.formats.freesound import fsd50k
from labeling.collection.importing import import_collection
from labeling.errors import FormatError
from labeling.journal import append
from labeling.journal.exporting import export_labels
from labeling.records import Decision
from labeling.workspace import Workspace
from tests.support.examples import examples
from tests.support.formats.labelling import assert_comes_back, labellings

ELECTRIC = '"Electric_guitar,Guitar,Music","/m/02sgy,/m/0342h,/m/04rlf"'
DEV = "fname,labels,mids,split\n" + "".join(
    [f"{number},{ELECTRIC},train\n" for number in range(8)]
    + ['20,"Guitar,Music","/m/0342h,/m/04rlf",val\n', "21,Music,/m/04rlf,val\n", "22,Crushing,/m/07plct2,train\n"]
)
RATINGS = {
    "22": {"/m/07plct2": [1.0, 0.5, -1], "/m/02sgy": [-1, -1], "/m/unknown": [1]},
    "21": {"/m/04rlf": [1.0, -1], "/m/07rkbfh": [0]},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "FSD50K.ground_truth").mkdir()
    (tmp_path / "FSD50K.metadata").mkdir()
    (tmp_path / "FSD50K.dev_audio").mkdir()
    (tmp_path / "FSD50K.dev_audio" / "22.wav").write_bytes(b"x")
    (tmp_path / "FSD50K.ground_truth" / "dev.csv").write_text(DEV)
    (tmp_path / "FSD50K.ground_truth" / "vocabulary.csv").write_text("0,Chuckle,/m/07rkbfh\n53,Crushing,/m/07plct2\n")
    (tmp_path / "FSD50K.metadata" / "pp_pnp_ratings_FSD50K.json").write_text(json.dumps(RATINGS))
    return tmp_path


def test_its_folders_and_ratings_are_found(root: Path) -> None:
    assert detect_format(root) == "fsd50k"
    table = fsd50k.read(find_table(root, "fsd50k"), None, {})
    last = table.clips[-1]
    assert (last.filename, last.path) == ("22", str(root / "FSD50K.dev_audio" / "22.wav"))
    assert table.class_names["Electric_guitar"] == "Electric guitar"
    assert table.class_names["Chuckle"] == "Chuckle"  # of the vocabulary, and in no row
    who = fsd50k.RATERS
    assert last.verdicts == (
        StatedVerdict("Crushing", "present", who),
        StatedVerdict("Electric_guitar", "absent", who),
    )
    assert table.clips[-2].verdicts == (StatedVerdict("Music", "unsure", who), StatedVerdict("Chuckle", "unsure", who))
    assert "rates 1 classes that neither" in table.problems[-1].reason
    bare = fsd50k.read(find_table(root, "fsd50k"), None, {"ratings": "none"})
    assert not any(clip.verdicts for clip in bare.clips)
    with pytest.raises(FormatError, match="unknown choice for ratings 'x'; choose from verdicts, none"):
        fsd50k.read(find_table(root, "fsd50k"), None, {"ratings": "x"})
    for broken in ("[", "[1]", '{"22": 5}', '{"22": {"/m/07plct2": 1}}'):
        (root / "FSD50K.metadata" / "pp_pnp_ratings_FSD50K.json").write_text(broken)
        table = fsd50k.read(find_table(root, "fsd50k"), None, {})
        assert "ratings cannot be read and were left out" in table.problems[-1].reason


def test_mids_and_parents_follow(root: Path, tmp_path: Path) -> None:
    table = fsd50k.read(find_table(root, "fsd50k"), None, {})
    assert fsd50k.write(table.table_bytes, table.options, {}, tmp_path / "o").files[0].read_bytes() == DEV.encode()
    corrections = {
        "22": Correction("22", "", ("Crushing", "Electric_guitar"), (), ("Electric_guitar",)),
        "0": Correction("0", "", ("Guitar", "Music"), ("Electric_guitar",)),  # parents of what goes stay
        "20": Correction("20", "", ("Chuckle", "Guitar", "Music"), (), ("Chuckle",)),  # as the vocabulary has it
    }
    written = fsd50k.write(table.table_bytes, table.options, corrections, tmp_path / "out")
    assert not written.not_held
    assert "2 parents were added" in written.notes[0]
    rows = {row["fname"]: (row["labels"], row["mids"]) for row in csv.DictReader(written.files[0].open())}
    assert rows["22"] == (
        "Crushing,Electric_guitar,Guitar,Music",
        "/m/07plct2,/m/02sgy,/m/0342h,/m/04rlf",
    )
    assert rows["0"] == ("Guitar,Music", "/m/0342h,/m/04rlf")
    assert rows["20"] == ("Guitar,Music,Chuckle", "/m/0342h,/m/04rlf,/m/07rkbfh")
    lines = written.files[0].read_text().splitlines()
    assert [line for line in lines if line.split(",")[0] not in corrections] == [
        line for line in DEV.splitlines() if line.split(",")[0] not in corrections
    ]
    # a parent that somebody took away is not brought back
    taken = Correction("0", "", ("Electric_guitar", "Music"), ("Guitar",))
    written = fsd50k.write(table.table_bytes, table.options, {"0": taken}, tmp_path / "out")
    assert not written.notes


def test_ratings_of_the_set_itself_are_not_listed_as_lost(root: Path, workspace: Workspace, tmp_path: Path) -> None:
    soundfile.write(root / "FSD50K.dev_audio" / "21.wav", np.linspace(-0.1, 0.1, 8000), 8000)
    import_collection(workspace, root)
    assert export_labels(workspace, tmp_path / "out").not_in_table == ()
    decision = Decision("e1", "ann", 10, "Guitar", "unsure")
    append(workspace, [decision])
    held = export_labels(workspace, tmp_path / "out").not_in_table
    assert [(cell.filename, cell.class_code, cell.now) for cell in held] == [("21", "Guitar", "unsure")]


def ontology(*edges: tuple[str, str]) -> str:
    """AudioSet's file with these (parent, child)."""
    ids = dict.fromkeys(mid for edge in edges for mid in edge)
    return json.dumps([{"id": mid, "child_ids": [child for own, child in edges if own == mid]} for mid in ids])


def test_parents_are_those_of_the_ontology_beside(root: Path, tmp_path: Path) -> None:
    """A class of the set that no row has brings what is above it, over what is no class of the set, and in a ring."""
    chuckle, crushing, plucked, guitar, music = "/m/07rkbfh", "/m/07plct2", "/m/0fx80y", "/m/0342h", "/m/04rlf"
    edges = ((music, plucked), (plucked, guitar), (guitar, chuckle), (crushing, chuckle), (chuckle, crushing))
    file = root / "FSD50K.ground_truth" / "ontology.json"
    file.write_text(ontology(*edges))
    table = fsd50k.read(find_table(root, "fsd50k"), None, {})
    options = json.loads(json.dumps(table.options))
    assert options["parents"] == {
        "Guitar": ["Music"],
        "Chuckle": ["Crushing", "Guitar", "Music"],
        "Crushing": ["Chuckle", "Guitar", "Music"],
    }
    added = {"21": Correction("21", "", ("Music", "Chuckle"), (), ("Chuckle",))}
    written = fsd50k.write(table.table_bytes, options, added, tmp_path / "out")
    row = next(row for row in csv.DictReader(written.files[0].open()) if row["fname"] == "21")
    assert row["labels"] == "Music,Chuckle,Crushing,Guitar"
    assert row["mids"] == f"{music},{chuckle},{crushing},{guitar}"
    assert written.notes == ("2 parents were added with labels that have them in the ontology: Crushing, Guitar.",)
    for broken in ("[", "[1]", '[{"id": "/m/04rlf"}]'):
        file.write_text(broken)
        table = fsd50k.read(find_table(root, "fsd50k"), None, {"ratings": "none"})
        assert "parents" not in table.options
        assert "the ontology cannot be read, parents are taken from the rows" in table.problems[-1].reason


def test_parents_are_shown_by_many_rows_alone() -> None:
    rows = [("a", "b")] * 7 + [("b",)]
    assert fsd50k.parents_of(rows) == {"b": frozenset()}
    assert fsd50k.parents_of([*rows, ("a", "b")])["a"] == {"b"}
    assert fsd50k.parents_of([("a", "b")] * 20) == {"a": frozenset(), "b": frozenset()}  # nothing says which is which


@examples(15)
@given(labellings(most=3))
def test_what_is_written_anew_comes_back(labelling: Labelling) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_comes_back(labelling, "fsd50k", Path(folder))


def as_its_own_loader(path: Path) -> dict[str, tuple[list[str], list[str], str]]:
    """The rows as soundata and the set's baseline read them: labels and mids cut at commas, in step."""
    rows = {}
    with path.open(newline="", encoding="utf-8") as handle:
        for name, labels, mids, *split in list(csv.reader(handle))[1:]:
            tags, ids = labels.split(","), mids.split(",")
            assert len(tags) == len(ids) or mids == ""
            rows[name] = (tags, ids, *(split or [""]))
    return rows


def test_a_table_made_anew_has_mids_and_a_split(tmp_path: Path) -> None:
    file = tmp_path / "ontology.json"
    file.write_text(json.dumps([{"id": "/m/0342h", "name": "Guitar", "child_ids": []}]))
    clips = tuple(
        LabelledClip(f"{number}.wav", "", 1.0, 8000, 1, fold=fold, labels=labels, metadata=metadata)
        for number, fold, labels, metadata in (
            (1, "1", ("Guitar", "owl"), {}),
            (2, "2", ("Crushing",), {}),
            (3, "10", ("owl",), {}),
        )
    )
    made = Labelling("birds", 1, "", clips, dict.fromkeys(("Guitar", "owl", "Crushing"), ""))
    came_in = [{"texts": {"mids": {"Crushing": "/m/07plct2"}}}]
    written = fsd50k.export(made, tmp_path / "out", {"ontology": str(file), "came_in": came_in})
    assert as_its_own_loader(written.files[0]) == {
        "1": (["Guitar", "owl"], ["/m/0342h", ""], "train"),
        "2": (["Crushing"], ["/m/07plct2"], "train"),
        "3": (["owl"], [""], "val"),
    }
    assert written.notes[0] == "fsd50k: split is val for the collection's fold 10, and train for its other folds."
    assert "no mid is known of 1 classes, and their place in mids is empty: owl; --option ontology" in written.notes[1]
    own = tuple(
        replace(clip, fold="", metadata={"split": split})
        for clip, split in zip(clips, ("Validation", "test", ""), strict=True)
    )
    written = fsd50k.export(replace(made, clips=own), tmp_path / "own", {})
    assert [file.name for file in written.files] == ["dev.csv", "eval.csv"]
    dev, test = (as_its_own_loader(file) for file in written.files)
    assert ([row[2] for row in dev.values()], list(test)) == (["val", "train"], ["2"])
    assert "clips of its test are in eval.csv" in written.notes[0]
    none = fsd50k.export(replace(made, clips=clips[:1]), tmp_path / "none", {})
    assert none.notes[0] == "fsd50k: split is train for all clips, as the collection has none."


def test_what_was_added_to_the_set_gets_its_mids(root: Path, workspace: Workspace, tmp_path: Path) -> None:
    """Clips that the table lacks are written anew beside it, with the ids of its own vocabulary."""
    soundfile.write(root / "FSD50K.dev_audio" / "21.wav", np.linspace(-0.1, 0.1, 8000), 8000)
    import_collection(workspace, root)
    more = tmp_path / "more"
    more.mkdir()
    soundfile.write(more / "mine.wav", np.linspace(-0.2, 0.1, 8000), 8000)
    (more / "t.csv").write_text("filename,label\nmine.wav,Chuckle\n")
    import_collection(workspace, more)
    export_labels(workspace, tmp_path / "out", format="fsd50k")
    new = tmp_path / "out" / "fsd50k" / "dev.csv"
    assert as_its_own_loader(new)["mine"] == (["Chuckle"], ["/m/07rkbfh"], "train")
