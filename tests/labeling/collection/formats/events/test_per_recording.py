"""What holds for every kind of files of events."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.collection.annotation.base import Correction
from labeling.collection.annotation.bundle import unpack
from labeling.collection.formats import formats
from labeling.errors import FormatError
from labeling.records import Region
from tests.support.examples import examples

RAVEN = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies\tNote\r\n"
    "1\tWaveform 1\t1\t0.5\t1.0\t0\t4000\tdog\tx\r\n1\tSpectrogram 1\t1\t0.5\t1.0\t100\t900\tdog\tx\r\n"
    "2\tSpectrogram 1\t1\t0.7\t1.5\t100\t900\tcat\tü\r\n3\tSpectrogram 1\t1\t0.7\t1.5\t100\t900\tdog\t\r\n"
)
AUDACITY = "0.5\t1.0\tdog\n\\\t100\t900\n0.7\t1.5\tcat\n0.7\t1.5\tdog\n\n"
AVIANZ = (
    '[{"Operator": "a", "Reviewer": "b", "Duration": 2}, [0.5, 1, 0, 0, [{"species": "dog", "certainty": 100}]], '
    '[0.7, 1.5, 0, 0, [{"species": "cat", "certainty": 50}, {"species": "dog", "certainty": 90}]]]\n'
)
TEXTGRID = (
    'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n2\n<exists>\n2\n"IntervalTier"\n"a"\n0\n2\n3\n'
    '0\n0.5\n"dog"\n0.5\n1\n""\n1\n2\n"cat"\n"TextTier"\n"b"\n0\n2\n1\n1.25\n"dog"\n'
)
KALEIDOSCOPE = "INDIR,FOLDER,IN FILE,OFFSET,DURATION,TOP1MATCH\n/r,,a.wav,0.5,1,dog\n/r,,a.wav,0.7,1,cat\n"
APLOSE = (
    "annotation,annotator,filename,start_time,end_time,start_datetime,end_datetime,is_box\n"
    "dog,ann,a.wav,0.5,1,,,1\ncat,ann,a.wav,0,2,,,0\n"
)
DCASE_SOFT = "0.0\t1.0\tdog\t0.9\n0.0\t1.0\tcat\t0.5\n1.0\t2.0\tdog\t0.75\n1.0\t2.0\tcat\t0.22\n"
FILES = {
    "aplose": ("r.csv", APLOSE),
    "audacity": ("a.txt", AUDACITY),
    "avianz": ("a.wav.data", AVIANZ),
    "dcase_soft": ("soft_labels_a.txt", DCASE_SOFT),
    "kaleidoscope": ("k.csv", KALEIDOSCOPE),
    "raven": ("a.selections.txt", RAVEN),
    "textgrid": ("a.TextGrid", TEXTGRID),
}
WRITTEN = [name for name in FILES if formats.get(name).write is not None]


@examples(15)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_damaged_files_are_read_or_refused_in_words(name: str, data: st.DataObject) -> None:
    own, text = FILES[name]
    raw = text.encode()
    with tempfile.TemporaryDirectory() as folder:
        for copy in range(20):
            start = data.draw(st.integers(0, len(raw)))
            end = data.draw(st.integers(start, min(len(raw), start + 9)))
            damaged = raw[:start] + data.draw(st.binary(max_size=6)) + raw[end:]
            (Path(folder) / f"{copy}{own}").write_bytes(damaged)
            kind = formats.get(name)
            try:
                table = kind.read(Path(folder) / f"{copy}{own}", folder, {})
            except FormatError:
                continue
            said = kind.labels(table.table_bytes, table.options)
            assert {clip.filename: clip.labels for clip in table.clips} == {
                filename: labels.labels for filename, labels in said.items()
            }
            if kind.write is None:
                continue
            corrections = {
                file: Correction(file, "", ("owl",), labels.labels, ("owl",), duration_s=2.0, sample_rate=8000)
                for file, labels in said.items()
            }
            kind.write(table.table_bytes, table.options, corrections, Path(folder) / "out")


@pytest.mark.parametrize("name", WRITTEN)
@examples(25)
@given(
    kept=st.sets(st.sampled_from(["dog", "cat"])),
    added=st.lists(st.sampled_from(["owl", 'a "b"', "猫, x"]), unique=True, max_size=3),
    drawn=st.booleans(),
    swap=st.booleans(),
)
def test_corrected_labels_are_in_the_file_and_the_rest_is_as_it_came(
    name: str, kept: set[str], added: list[str], drawn: bool, swap: bool
) -> None:
    kind = formats.get(name)
    assert kind.write is not None
    own, text = FILES[name]
    regions = ((added[0], Region(0.25, 1.75, 50.0, 950.0)),) if drawn and added else ()
    gone = tuple(code for code in ("dog", "cat") if code not in kept)
    swapped = ((gone[0], added[-1]),) if swap and gone and added else ()
    labels = (*kept, *added)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / own).write_bytes(text.encode())
        (Path(folder) / "a.wav").touch()
        table = kind.read(Path(folder), None, {})
        correction = Correction("a.wav", "", labels, gone, tuple(added), regions, swapped, 2.0, 8000)
        corrections = {"a.wav": correction} if gone or added else {}
        written = kind.write(table.table_bytes, table.options, corrections, Path(folder) / "out")
        assert not written.not_held
        again = kind.read(Path(folder) / "out", folder, {})
    clip = next(clip for clip in again.clips if clip.filename == "a.wav")
    assert set(clip.labels) == set(labels)
    before = {pair for pair in table.clips[0].regions if pair[0] in kept}
    assert before <= set(clip.regions)
    if not gone and not added:
        assert unpack(again.table_bytes)[own] == text.encode()
    if drawn and added and (added[0],) != tuple(new for _, new in swapped):
        its = [region for code, region in clip.regions if code == added[0]]
        assert [(region.onset_s, region.offset_s) for region in its] == [(0.25, 1.75)]
    if swapped and swapped[0][1] not in {code for code, _ in regions}:
        was = {(region.onset_s, region.offset_s) for code, region in table.clips[0].regions if code == gone[0]}
        assert was <= {(region.onset_s, region.offset_s) for code, region in clip.regions if code == added[-1]}
