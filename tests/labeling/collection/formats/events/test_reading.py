from pathlib import Path

import pytest

from labeling.collection.formats import detect_format, formats, taking
from labeling.errors import FormatError

HEADER = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies\n"
ROW = "1\tSpectrogram 1\t1\t1\t2\t100\t200\tdog\n"


def made(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_annotations_may_lie_beside_the_folder_of_the_sound(tmp_path: Path):
    made(tmp_path, ann__s1__a_dot_txt=HEADER + ROW, sound__s1__a_dot_wav="", sound__s2__a_dot_wav="", z_dot_wav="")
    table = formats.get("raven").read(tmp_path / "ann", None, {})
    assert table.audio_root == str(tmp_path / "sound" / "s1")
    assert [(clip.filename, clip.labels, clip.partial) for clip in table.clips] == [("a.wav", ("dog",), False)]
    given = formats.get("raven").read(tmp_path / "ann", str(tmp_path / "sound"), {})
    assert [(clip.filename, clip.partial) for clip in given.clips] == [("s1/a.wav", False), ("s2/a.wav", True)]
    one = formats.get("raven").read(tmp_path / "ann" / "s1" / "a.txt", str(tmp_path / "sound" / "s1"), {})
    assert [clip.filename for clip in one.clips] == ["a.wav"]


def test_a_recording_may_have_several_files(tmp_path: Path):
    more = ROW.replace("dog", "cat")
    made(tmp_path, a_dot_ann_dot_txt=HEADER + ROW, a_dot_bob_dot_txt=HEADER + more, a_dot_wav="")
    table = formats.get("raven").read(tmp_path, None, {})
    assert [(clip.filename, clip.labels) for clip in table.clips] == [("a.wav", ("dog", "cat"))]
    assert formats.get("raven").labels(table.table_bytes, table.options)["a.wav"].labels == ("dog", "cat")


def test_of_events_that_nobody_could_name_it_is_not_known_what_is_there(tmp_path: Path):
    nameless = ROW.replace("dog", "")
    made(tmp_path, a_dot_txt=HEADER + nameless, b_dot_txt=HEADER + ROW + nameless, c_dot_txt=HEADER)
    table = formats.get("raven").read(tmp_path, None, {})
    assert [(clip.labels, clip.partial) for clip in table.clips] == [((), True), (("dog",), False), ((), False)]
    assert [problem.row for problem in table.problems] == [2, 3]


def test_nothing_is_lost_without_a_word(tmp_path: Path):
    bad = HEADER + ROW.replace("\t1\t2\t", "\t-1\t2\t")
    made(
        tmp_path,
        a_dot_txt=bad,
        b_dot_txt=HEADER + ROW,
        notes_dot_txt="hello\n",
        c_dot_txt="",
        b_dot_wav="",
        b_dot_flac="",
    )
    (tmp_path / "d.txt").write_bytes(b"\xff\xfe" + HEADER.encode("utf-16-le")[:-3])
    table = formats.get("raven").read(tmp_path, None, {})
    told = {problem.filename: problem.reason for problem in table.problems}
    assert "onset must be at least 0" in told["a.txt"]
    assert "label 'dog' is kept without a time" in told["a.txt"]
    assert told["b.txt"] == "several recordings go with it by its name; skipped"
    assert told["c.txt"] == "is no file of raven events (nor are 2 more); left out"
    assert [(clip.filename, clip.labels, clip.partial) for clip in table.clips] == [
        ("a.flac", ("dog",), False),
        ("b.flac", (), True),
        ("b.wav", (), True),
    ]
    with pytest.raises(FormatError, match="no textgrid events there; it needs Praat"):
        formats.get("textgrid").read(tmp_path, None, {})
    with pytest.raises(FormatError, match="nothing at"):
        formats.get("raven").read(tmp_path / "none", None, {})


def test_each_kind_is_found_and_a_table_of_files_goes_first(tmp_path: Path):
    kinds = {
        "raven": ("a.Table.1.selections.txt", HEADER),
        "audacity": ("a.txt", "0.5\t1.0\tdog\n"),
        "textgrid": ("a.TextGrid", 'File type = "ooTextFile"\nObject class = "TextGrid"\n'),
        "avianz": ("a.wav.data", '[{"Operator": ""}]'),
        "kaleidoscope": ("k.csv", "INDIR,FOLDER,IN FILE,OFFSET,DURATION,TOP1MATCH\n"),
        "aplose": ("r.csv", "annotation,annotator,start_datetime,end_datetime,is_box\n"),
    }
    for kind, (name, text) in kinds.items():
        (tmp_path / kind / "deep").mkdir(parents=True)
        (tmp_path / kind / "deep" / name).write_text(text)
        assert detect_format(tmp_path / kind) == kind
        assert detect_format(tmp_path / kind / "deep" / name) == kind
    (tmp_path / "raven" / "train.csv").write_text("filename,label\n")
    assert detect_format(tmp_path / "raven") == "table"
    assert taking(tmp_path / "raven", {"label_column"}) == "table"
    (tmp_path / "raven" / "train.csv").unlink()
    assert taking(tmp_path / "raven", {"label_column"}) == "raven"
    assert taking(tmp_path / "raven", {"path_column"}) == "table"
