"""workspace_rows.py and rows.py: a workspace is scored in blocks as it is in memory, by all that both weigh."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from labeling.disagreement import priors
from labeling.disagreement.scorers import DEFAULT_SCORER
from labeling.disagreement.scoring import blocks
from labeling.disagreement.scoring import run as scoring
from labeling.disagreement.scoring.rows import OtherRun, rows_of
from labeling.disagreement.stored_ranking import Ranking, read_ranking
from labeling.errors import ArtefactError
from labeling.journal import append
from labeling.predictions.oof import read_oof
from labeling.predictions.training_evidence import without_neighbours, write_run_evidence
from labeling.records import Decision
from labeling.workspace import Workspace
from tests.support.workspaces.synthetic_oof import finished_run


def scored(workspace: Workspace, run_id: str) -> Ranking:
    scoring.score_run(workspace, run_id)
    with workspace.read() as connection:
        return read_ranking(connection, run_id, DEFAULT_SCORER)


def keep_evidence(workspace: Workspace, run_id: str, seed: int) -> None:
    """Margins, and a neighbour for each of two stretches a clip."""
    oof = read_oof(workspace.run_dir(run_id) / "oof.zarr")
    rng, count = np.random.default_rng(seed), len(oof)
    write_run_evidence(
        workspace.run_dir(run_id) / "evidence.zarr",
        replace(
            without_neighbours(oof.clip_ids, oof.classes),
            margin=rng.normal(size=oof.clipwise.shape).astype(np.float32),
            stretch_offsets=2 * np.arange(count + 1),
            stretch_class=rng.integers(-1, len(oof.classes), 2 * count).astype(np.int32),
            stretch_onset_s=np.zeros(2 * count, np.float32),
            neighbour=rng.integers(0, count, (2 * count, 1)).astype(np.int32),
            similarity=np.ones((2 * count, 1), np.float16),
        ),
    )


def test_blocks_and_memory_store_the_same_ranking(collection: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priors, "tells_more", lambda *_: False)  # what blocks do without
    other = finished_run(collection, {(1, "amecro"): 0.3, (3, "balori"): 0.7})
    run_id = finished_run(collection, {(2, "balori"): 0.9, (4, "cangoo"): 0.3})
    for seed, name in enumerate((other, run_id)):
        keep_evidence(collection, name, seed)
    append(collection, [Decision("e1", "ann", 2, "balori", "present"), Decision("e2", "ann", 3, "cangoo", "absent")])
    whole = scored(collection, run_id)
    monkeypatch.setattr(scoring, "IN_BLOCKS_ABOVE", 0)
    monkeypatch.setattr(blocks, "BLOCK_CELLS", 8)  # two clips
    blocked = scored(collection, run_id)
    assert blocked is not whole
    assert len(whole.past) == 2
    assert len(whole.voices) == 6
    for name in ("clip_id", "class_id", "partner_id", "kind", "given", "runs", "runs_agree", "fold"):
        np.testing.assert_array_equal(getattr(blocked, name), getattr(whole, name), err_msg=name)
    for name in (
        "label_quality",
        "p_wrong",
        "clipwise",
        "framewise_max",
        "onset_s",
        "offset_s",
        "neighbours",
        "typical",
    ):
        np.testing.assert_allclose(getattr(blocked, name), getattr(whole, name), atol=1e-6, err_msg=name)
    np.testing.assert_allclose(blocked.past.p_wrong, whole.past.p_wrong, atol=1e-6)
    assert [(voice.run_id, voice.what) for voice in blocked.voices] == [
        (voice.run_id, voice.what) for voice in whole.voices
    ]


def test_clips_of_another_run_are_found_wherever_they_lie(collection: Workspace) -> None:
    run_id = finished_run(collection, {(2, "balori"): 0.9})
    file = collection.run_dir(run_id) / "oof.zarr"
    oof, lazy = read_oof(file), read_oof(file, whole=False)
    asked = replace(oof, clip_ids=np.array([4, 99, 2]), classes=("unheard", "balori"))
    other = OtherRun(asked, lazy)
    assert other.knows_any
    clipwise, highest = other.of(0, 3)
    rows = [oof.clip_ids.tolist().index(clip) for clip in (4, 2)]
    np.testing.assert_array_equal(clipwise[[0, 2], 1], oof.clipwise[rows, oof.classes.index("balori")])
    assert np.isnan(clipwise[1]).all()
    assert np.isnan(clipwise[:, 0]).all()
    for place, row in zip((0, 2), rows, strict=True):
        assert highest[place, 1] == oof.frames(row)[:, oof.classes.index("balori")].max()
    part = rows_of(lazy, 1, 3)
    np.testing.assert_array_equal(part.frames(1), oof.frames(2))
    np.testing.assert_array_equal(part.clipwise, oof.clipwise[1:3])


def test_a_damaged_chunk_of_what_lies_on_the_disk_is_said(collection: Workspace) -> None:
    file = collection.run_dir(finished_run(collection, {})) / "oof.zarr"
    lazy = read_oof(file, whole=False)
    for chunk in (file / "clipwise" / "c").rglob("*"):
        if chunk.is_file():
            chunk.write_bytes(b"no numbers")
    with pytest.raises(ArtefactError, match=r"clipwise of .* cannot be read"):
        rows_of(lazy, 0, 2)
