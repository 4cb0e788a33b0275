"""labeling/collection/formats/platforms/aoef/exporting.py; soundevent's own reader is the judge."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given

from labeling.collection.annotation.base import Labelling
from tests.support.examples import examples
from tests.support.formats.labelling import assert_comes_back, labellings


@examples(25)
@given(labellings())
def test_any_labels_come_back_and_soundevent_reads_them(labelling: Labelling) -> None:
    from soundevent import data, io

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        assert_comes_back(labelling, "aoef", out)
        project = io.load(out / "annotation_project.json", audio_dir=folder)
        assert isinstance(project, data.AnnotationProject)
        assert len(project.tasks) == len(project.clip_annotations) == len(labelling.clips)
        said = {own.clip.recording.path.name: own for own in project.clip_annotations}
        for clip in labelling.clips:
            own = said[clip.filename]
            assert sorted(tag.value for tag in own.tags) == sorted(clip.timeless)
            assert len(own.sound_events) == len(clip.events)
        dataset = io.load(out / "dataset.json", audio_dir=folder)
        assert isinstance(dataset, data.Dataset)
        assert len(dataset.recordings) == len(labelling.clips)
