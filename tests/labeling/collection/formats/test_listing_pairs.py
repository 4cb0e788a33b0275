"""Any format out from any format in: what one gives is written as another, and comes back but for what is told."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import assume, given
from hypothesis import strategies as st

from labeling.collection.annotation.base import (
    Attribution,
    ImportedClip,
    LabelledClip,
    LabelledEvent,
    Labelling,
)
from labeling.collection.annotation.whole import within_sound
from labeling.collection.formats import formats
from labeling.journal.exporting import write_anew
from tests.support.examples import examples
from tests.support.formats.labelling import DURATION_S, assert_same, labellings, with_sounds

BOTH_WAYS = sorted(name for name, known in formats if known.export is not None and known.reads)
WITH_SOUND = ("folders", "huggingface")
"""Formats whose exports hold the sound."""
RATE = 8000


def read_again(
    labelling: Labelling, name: str, folder: Path, audio: Path
) -> tuple[list[ImportedClip], set[tuple[str, str]]]:
    """What a format gives back of labels that are written in it, and the cells that it told it could not."""
    written = write_anew(labelling, name, folder, {})
    if not written.files:  # nobody listened to any clip
        return [], set()
    known = formats.get(name)
    place = known.find(folder) or (written.files[0] if len(written.files) == 1 and name not in WITH_SOUND else folder)
    # a table of which every cell is empty does not show that it has a column a class
    options = {"class_columns": list(labelling.classes), "path_column": "file"} if name == "onehot" else {}
    table = known.read(place, None if name in WITH_SOUND else str(audio), options)
    clips = [within_sound(clip, DURATION_S, RATE)[0] if table.events_only else clip for clip in table.clips]
    return clips, {(cell.filename, cell.class_code) for cell in written.not_held}


def labelled(clip: ImportedClip, filename: str) -> LabelledClip:
    """A clip that was read as the workspace has it: without times after its end, where a window goes on."""
    inside = [(code, region) for code, region in clip.regions if region.offset_s <= DURATION_S]
    events = [(code, region, clip.said_by.get((code, region), Attribution())) for code, region in inside]
    return LabelledClip(
        filename=filename,
        path=clip.path,
        duration_s=DURATION_S,
        sample_rate=RATE,
        channels=1,
        group=clip.group,
        fold=clip.fold,
        metadata={key: text for key, text in clip.metadata.items() if text and key not in ("group", "fold")},
        primary=clip.primary,
        labels=clip.labels,
        unsure=tuple(stated.code for stated in clip.verdicts if stated.verdict == "unsure"),
        absent=clip.absent,
        events=tuple(LabelledEvent(code, region, (), said.confidence) for code, region, said in events),
        partial=clip.partial,
    )


@examples(20)
@given(st.sampled_from(BOTH_WAYS), st.sampled_from(BOTH_WAYS), labellings(most=2))
def test_what_one_format_gives_another_gives_back(one: str, other: str, labelling: Labelling) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        labelling = with_sounds(labelling, folder / "sound")
        first, _ = read_again(labelling, one, folder / "one", folder / "sound")
        names = {Path(clip.filename).stem: clip.filename for clip in labelling.clips}
        stems = {Path(clip.filename).stem: clip for clip in first}
        between = replace(
            labelling, clips=tuple(labelled(clip, names[stem]) for stem, clip in stems.items() if stem in names)
        )
        assume(between.clips)
        between = with_sounds(between, folder / "sound")
        second, told = read_again(between, other, folder / "other", folder / "sound")
        assert_same(between, second, formats.get(other), told)
