from pathlib import Path

from labeling.collection.annotation.base import Attribution
from labeling.collection.formats.events.kaleidoscope import FORMAT, is_one
from labeling.records import Region

BIRDNET = (
    "OFFSET,confidence,INDIR,FOLDER,IN FILE,DURATION,TOP1MATCH\n"
    "3.0,0.9261,/data/audio,site1,a.wav,3.0,Ash-browed Spinetail\n"
    "6.0,0.5,/data/audio,site1,a.wav,3.0,Wren\n"
    "0.0,0.5,/data/audio,site1,b.wav,3.0,nocall\n"
)
OWN = (
    "INDIR,FOLDER,IN FILE,OFFSET,DURATION,Fmin,Fmax,TOP1MATCH,MANUAL ID\n"
    'D:\\r,site1,a.wav,1.5,2,1000,2000,"cluster, 3",Tui\n'
    "D:\\r,site1,b.wav,1.5,x,,,Wren,\n"
)


def test_rows_name_their_recording_and_a_person_goes_first(tmp_path: Path):
    (tmp_path / "site1").mkdir()
    for name in ("a.wav", "b.wav", "c.wav"):
        (tmp_path / "site1" / name).write_bytes(b"")
    (tmp_path / "BirdNET_Kaleidoscope.csv").write_text(BIRDNET)
    table = FORMAT.read(tmp_path, None, {})
    first, second, third = table.clips
    assert (first.filename, first.labels) == ("site1/a.wav", ("Ash-browed Spinetail", "Wren"))
    assert first.said_by["Wren", Region(6.0, 9.0)] == Attribution("", 0.5)
    assert (second.filename, second.labels, second.partial) == ("site1/b.wav", (), False)
    assert third.partial
    (tmp_path / "BirdNET_Kaleidoscope.csv").write_text(OWN)
    table = FORMAT.read(tmp_path, None, {})
    assert table.clips[0].regions == (("Tui", Region(1.5, 3.5, 1000.0, 2000.0)),)
    assert table.clips[1].labels == ("Wren",)
    assert "row 3: its times are no numbers; its label 'Wren' is kept without a time" in table.problems[0].reason
    named = FORMAT.read(tmp_path, None, {"label_column": "TOP1MATCH"})
    assert named.clips[0].labels == ("cluster, 3",)
    assert FORMAT.labels(table.table_bytes, table.options)["site1/a.wav"].labels == ("Tui",)


def test_known_by_its_columns():
    assert is_one("a.csv", BIRDNET.encode())
    assert not is_one("a.csv", b"IN FILE,OFFSET,DURATION\n")
    assert FORMAT.write is None
