"""DCASE's soft labels: what is there, what is below the threshold, and lines that stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling.collection.annotation.base import Attribution, Correction, LabelledClip, LabelledEvent, Labelling
from labeling.collection.formats import detect_format, formats
from labeling.errors import FormatError
from labeling.records import Region

SOFT = (
    "0.0\t1.0\tcutlery and dishes\t0.22607917138849756\n0.0\t1.0\tpeople talking\t0.93\n"
    "1.0\t2.0\tpeople talking\t0.5\n1.0\t2.0\tfurniture dragging\t0.3863415649633261\n"
)
FORMAT = formats.get("dcase_soft")


def laid(root: Path) -> Path:
    """The set's folders: annotations of a scene, and its sound."""
    for folder in ("development_annotation/soft_labels_cafe", "development_audio/cafe"):
        (root / folder).mkdir(parents=True)
    (root / "development_annotation/soft_labels_cafe/cafe_00.txt").write_text(SOFT)
    for name in ("cafe_00.wav", "cafe_01.wav"):
        (root / "development_audio/cafe" / name).touch()
    return root


def filled(text: str) -> dict[tuple[int, str], float]:
    """The value of every second and class, in the manner of the challenge's baseline: the last line holds."""
    matrix = {}
    for line in text.splitlines():
        onset, offset, code, value = line.split("\t")
        for second in range(int(float(onset)), int(-(-float(offset) // 1))):
            matrix[(second, code)] = float(value)
    return matrix


def test_a_class_is_there_from_half_of_the_annotators_on(tmp_path: Path) -> None:
    root = laid(tmp_path)
    assert detect_format(root) == "dcase_soft"
    table = FORMAT.read(root, None, {})
    heard, unheard = table.clips
    assert heard.path == str(root / "development_audio/cafe/cafe_00.wav")
    assert (heard.labels, heard.partial) == (("people talking",), False)
    assert heard.said_by == {
        ("people talking", Region(0, 1)): Attribution("", 0.93),
        ("people talking", Region(1, 2)): Attribution("", 0.5),
    }
    assert (unheard.filename.rsplit("/")[-1], unheard.partial) == ("cafe_01.wav", True)
    assert [problem.reason.split(" and ")[0] for problem in table.problems] == ["2 stretches have a value below 0.5"]
    more = FORMAT.read(root, None, {"threshold": "0.3"})
    assert more.clips[0].labels == ("people talking", "furniture dragging")
    with pytest.raises(FormatError, match="threshold '7' is no number above 0"):
        FORMAT.read(root, None, {"threshold": "7"})


def test_what_is_corrected_is_read_so_by_the_baseline(tmp_path: Path) -> None:
    table = FORMAT.read(laid(tmp_path), None, {})
    name = table.clips[0].filename
    drawn = (("furniture dragging", Region(1, 2)),)
    fixed = Correction(
        name, "", ("furniture dragging",), ("people talking",), ("furniture dragging",), drawn, duration_s=2.0
    )
    assert FORMAT.write is not None
    same, changed = (
        FORMAT.write(table.table_bytes, table.options, corrections, tmp_path / out).files[0].read_text()
        for out, corrections in (("same", {}), ("changed", {name: fixed}))
    )
    assert same == SOFT
    assert changed == SOFT.replace("0.93", "0.0").replace("\t0.5\n", "\t0.0\n") + "1.000000\t2.000000\t" + (
        "furniture dragging\t1\n"
    )
    assert filled(changed) == filled(SOFT) | {
        (0, "people talking"): 0.0,
        (1, "people talking"): 0.0,
        (1, "furniture dragging"): 1.0,
    }


def test_a_table_of_many_recordings(tmp_path: Path) -> None:
    head = "filename\tonset\toffset\tevent_label\tconfidence\n"
    text = head + "a.wav\t0\t1\tdog\t0.8\na.wav\t0\t1\tcat\t0.4\nb.wav\t\t\t\t\n"
    path = tmp_path / "maestro.tsv"
    path.write_text(text)
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).touch()
    assert detect_format(tmp_path) == detect_format(path) == "dcase_soft"
    table = FORMAT.read(path, None, {})
    assert [(clip.filename, clip.labels, clip.partial) for clip in table.clips] == [
        ("a.wav", ("dog",), False),
        ("b.wav", (), False),
    ]
    assert [problem.row for problem in table.problems] == [0]
    assert FORMAT.write is not None
    correction = Correction("b.wav", "", ("owl",), (), ("owl",), (("owl", Region(2, 3)),), duration_s=4.0)
    written = FORMAT.write(table.table_bytes, table.options, {"b.wav": correction}, tmp_path / "out")
    assert written.files[0].read_text() == text + "b.wav\t2.000000\t3.000000\towl\t1\n"
    path.write_text("filename\tonset\toffset\tevent_label\na.wav\t0\t1\tdog\n")
    assert detect_format(path) == "dcase_strong"


def test_lines_of_birdnet_are_no_soft_labels(tmp_path: Path) -> None:
    for name, text, wanted in (
        ("a.txt", SOFT, "dcase_soft"),
        ("b.txt", "0.0\t3.0\tdog\t0.9\n", "audacity"),
        ("soft_labels_b.txt", "0.0\t3.0\tdog\t0.9\n", "dcase_soft"),
    ):
        (tmp_path / name).write_text(text)
        assert detect_format(tmp_path / name) == wanted


def test_labels_of_which_people_were_less_sure_are_written_as_there(tmp_path: Path) -> None:
    events = (LabelledEvent("dog", Region(0, 1), (), 0.25), LabelledEvent("cat", Region(0, 1), (), 0.75))
    clip = LabelledClip("a.wav", "", 2.0, 8000, 1, labels=("dog", "cat"), events=events)
    assert FORMAT.export is not None
    written = FORMAT.export(Labelling("x", 1, "", (clip,), {}), tmp_path, {})
    assert written.files[0].name == "soft_labels_a.txt"
    assert filled(written.files[0].read_text()) == {(0, "dog"): 0.5, (0, "cat"): 0.75}
    assert written.notes == ("1 labels of which people were less sure are written with 0.5: less means absent there.",)
