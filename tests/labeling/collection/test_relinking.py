"""Files that are gone from their place are found again, by name or by bytes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import sqlalchemy as sa

from labeling.__main__ import main
from labeling.collection import store
from labeling.collection.importing import import_collection
from labeling.collection.relinking import relink
from labeling.errors import DataError
from labeling.journal import versions
from labeling.storage import tables
from labeling.workspace import Workspace
from tests.support.workspaces.recorders import NIGHT, clips, decide, listed, recorder, sound


def test_files_that_moved_are_found_by_their_names_and_bytes(
    tmp_path: Path, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    root = recorder(tmp_path / "A", 1, f"{NIGHT},owl\nday/noon.wav,jay\n")
    sound(root / "day" / "noon.wav", 2)
    import_collection(workspace, root)
    decide(workspace, NIGHT, "owl", "absent")
    frozen = versions.freeze(workspace, "ann")
    shutil.move(root, tmp_path / "disk" / "A")
    (tmp_path / "disk" / "A" / "day" / "noon.wav").rename(tmp_path / "disk" / "A" / "other name.wav")
    assert main(["relink", "--workspace", str(workspace.root)]) == 0
    assert "0 of 2 clips relinked" in capsys.readouterr().out
    assert main(["relink", "--workspace", str(workspace.root), "--audio", str(tmp_path / "disk")]) == 0
    assert "2 of 2 clips relinked" in capsys.readouterr().out
    assert [Path(clip.path).name for clip in clips(workspace).values()] == [NIGHT, "other name.wav"]
    assert listed(workspace, NIGHT) == ("", ())
    assert versions.freeze(workspace, "ann") == frozen
    assert "nothing to relink" in relink(workspace).text()


def test_files_of_the_name_and_of_other_bytes_are_not_taken(tmp_path: Path, workspace: Workspace) -> None:
    root = recorder(tmp_path / "A", 1)
    import_collection(workspace, root)
    shutil.rmtree(root)
    recorder(tmp_path / "B", 2)
    report = relink(workspace, str(tmp_path / "B"))
    assert (report.lost, report.relinked) == (1, 0)
    assert f"it was at {root / NIGHT}" in report.problems[0].reason


def test_a_file_that_two_lost_clips_may_mean_is_given_to_neither(tmp_path: Path, workspace: Workspace) -> None:
    for name in "AB":
        (tmp_path / name).mkdir()
        (tmp_path / name / "labels.csv").write_text(f"filename,label\n{NIGHT},owl\n")
        assert import_collection(workspace, tmp_path / name, collection=name).missing == 1
    sound(tmp_path / "disk" / NIGHT, 1)
    report = relink(workspace, str(tmp_path / "disk"))
    assert (report.lost, report.relinked) == (2, 0)
    assert "say whose with --collection" in report.problems[0].reason
    frozen = versions.freeze(workspace, "ann")
    assert relink(workspace, str(tmp_path / "disk"), collection="B").relinked == 1
    with workspace.read() as connection:
        assert [clip.filename for clip in store.usable_clips(connection)] == [f"B/{NIGHT}"]
        assert len(versions.labels_of_version(connection, frozen.number).clip_ids) == 0  # it never gains a clip
    with pytest.raises(DataError, match="unknown collection 'C'"):
        relink(workspace, collection="C")
    with pytest.raises(DataError, match="no folder at"):
        relink(workspace, str(tmp_path / "none"))


def test_what_an_older_version_read_stays_until_all_files_are_read_again(
    tmp_path: Path, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    root = recorder(tmp_path / "A", 1, f"{NIGHT},owl\nnoon.wav,jay\nup.wav,jay\n")
    sound(root / "noon.wav", 2)
    samples = 0.1 * np.random.default_rng(3).standard_normal(8000)
    soundfile.write(root / "up.wav", np.stack([samples, -samples], axis=1), 8000)
    import_collection(workspace, root)
    right = clips(workspace)
    assert (right["up.wav"].channel > 0, right[NIGHT].duration_s) == (True, 0.5)
    with workspace.write() as connection:
        connection.execute(sa.update(tables.clips).values(duration_s=3, channel=0))
    import_collection(workspace, root)
    assert clips(workspace)[NIGHT].duration_s == 3  # a file that is as it was is passed over
    sound(root / "noon.wav", 5, seconds=2)
    assert main(["relink", "--workspace", str(workspace.root), "--again"]) == 0
    out = capsys.readouterr().out
    assert "3 files read again; 2 have another length, rate or channel now" in out
    assert f"~ {NIGHT}: duration_s 3 -> 0.5" in out
    assert "! noon.wav: its file has other bytes than before; import its table again" in out
    after = clips(workspace)
    assert {name: after[name] for name in (NIGHT, "up.wav")} == {name: right[name] for name in (NIGHT, "up.wav")}
    assert relink(workspace, again=True).changed == ()
