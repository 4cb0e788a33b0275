"""BirdNET's segments: verdicts of the folders that people sorted them into."""

from __future__ import annotations

from pathlib import Path

from labeling import journal
from labeling.collection.annotation.base import Attribution, Correction, StatedVerdict
from labeling.collection.formats import detect_format
from labeling.collection.formats.folders import segments
from labeling.collection.importing import import_collection
from labeling.workspace import open_workspace

NAMES = (
    "Bird A/0.912_1_rec_1_12.0s_15.0s.wav",
    "Bird A/Positive/0.812_2_rec_1_15.0s_18.0s.wav",
    "Bird A/Negative/0.512_3_rec_2.wav",
    "Bird B/Positive/x.wav",
)


def collection(root: Path) -> Path:
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"RIFF")
    return root


def test_segments_and_their_folders_are_read(tmp_path: Path) -> None:
    assert detect_format(collection(tmp_path)) == "segments"
    first, negative, positive, plain = segments.read(tmp_path, None, {}).clips
    assert (first.labels, first.partial, first.verdicts, first.group) == (("Bird A",), True, (), "rec_1")
    assert first.said_by == {("Bird A", None): Attribution("BirdNET", 0.912)}
    assert first.metadata == {"confidence": "0.912", "start_s": "12.0", "end_s": "15.0"}
    assert (negative.labels, negative.absent, negative.group) == ((), ("Bird A",), "rec_2")
    assert negative.verdicts == (StatedVerdict("Bird A", "absent", "segments"),)
    assert positive.verdicts == (StatedVerdict("Bird A", "present", "segments"),)
    assert (plain.labels, plain.said_by, plain.group) == (("Bird B",), {}, "")


def test_verdicts_enter_the_journal(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "w", create=True)
    report = import_collection(workspace, collection(tmp_path / "in"))
    assert (report.added, report.classes) == (4, 2)
    with workspace.read() as connection:
        assert journal.position(connection) == 3
    workspace.close()


def test_corrected_segments_change_their_folder(tmp_path: Path) -> None:
    table = segments.read(collection(tmp_path / "in"), None, {})
    corrections = {
        NAMES[0]: Correction(NAMES[0], "", ("Bird/C",), ("Bird A",), ("Bird/C",)),
        NAMES[1]: Correction(NAMES[1], "", ("Bird A", "Bird B"), (), ("Bird B",)),
    }
    written = segments.write(table.table_bytes, table.options, corrections, tmp_path / "out")
    assert {str(file.relative_to(tmp_path / "out")) for file in written.files} == {
        "Bird A/Negative/0.912_1_rec_1_12.0s_15.0s.wav",
        "Bird%2FC/Positive/0.912_1_rec_1_12.0s_15.0s.wav",
        "Bird A/Positive/0.812_2_rec_1_15.0s_18.0s.wav",
        "Bird B/Positive/0.812_2_rec_1_15.0s_18.0s.wav",
        *NAMES[2:],
    }
    said = segments.labels(segments.read(tmp_path / "out", None, {}).table_bytes, {})
    assert said["Bird%2FC/Positive/0.912_1_rec_1_12.0s_15.0s.wav"].labels == ("Bird/C",)
