"""labeling/journal/labelling.py"""

from __future__ import annotations

from labeling import journal
from labeling.collection import adding
from labeling.collection.adding import NewClip
from labeling.collection.annotation.base import Attribution, LabelledClip, LabelledEvent, StatedVerdict
from labeling.journal import versions
from labeling.journal.labelling import labelling_of
from labeling.records import Decision, Region
from labeling.workspace import Workspace

HEARD = Region(1.0, 2.0, 500.0, 900.0)
CLIPS = (
    NewClip("a.wav", "/a.wav", 2, (("owl", "primary"), ("jay", "secondary")), regions=(("owl", HEARD),),
            said_by={("owl", HEARD): Attribution("ann", 0.75), ("jay", None): Attribution("bob", 0.5)}),
    NewClip("b.wav", "/b.wav", 3),
    NewClip("c.wav", "/c.wav", 4, (("owl", "secondary"),), partial=True, absent=("jay",)),
    NewClip("d.wav", "/d.wav", 5, partial=True),
    NewClip("e.wav", "/e.wav", 6, (("owl", "primary"),),
            verdicts=(StatedVerdict("owl", "absent", "rater"), StatedVerdict("tit", "present", "rater", HEARD))),
)  # fmt: skip


def filled(workspace: Workspace) -> None:
    with workspace.write() as connection:
        adding.add_collection(
            connection, format="table", source="/", audio_root="/", options={}, table_name="t.csv",
            table_bytes=b"filename\n", clips=CLIPS, class_names={},
        )  # fmt: skip


def clips(workspace: Workspace) -> dict[str, LabelledClip]:
    version = versions.freeze(workspace, "ann")
    with workspace.read() as connection:
        return {clip.filename: clip for clip in labelling_of(connection, version, "birds").clips}


def test_labels_with_times_and_who_said_them(any_workspace: Workspace) -> None:
    filled(any_workspace)
    clip = clips(any_workspace)["a.wav"]
    assert (clip.primary, clip.labels, clip.timeless) == ("owl", ("owl", "jay"), ("jay",))
    assert clip.events == (LabelledEvent("owl", HEARD, ("ann",), 0.75),)
    assert clip.imported == {"jay": Attribution("bob", 0.5)}
    assert (clip.who, clip.unsure, clip.absent, clip.heard) == ({}, (), (), True)


def test_what_nobody_listened_for_is_neither_there_nor_not(any_workspace: Workspace) -> None:
    filled(any_workspace)
    known = clips(any_workspace)
    assert (known["b.wav"].labels, known["b.wav"].heard) == ((), True)  # listened to, and nothing is there
    assert (known["c.wav"].labels, known["c.wav"].absent, known["c.wav"].partial) == (("owl",), ("jay",), True)
    assert not known["d.wav"].heard
    with any_workspace.read() as connection:
        labels = versions.labels_at(connection)
    assert labels.classes == ("jay", "owl", "tit")
    masked = dict(zip(labels.filenames, labels.unsure.tolist(), strict=True))
    assert masked == {
        "a.wav": [False, False, False],
        "b.wav": [False, False, False],
        "c.wav": [False, False, True],
        "d.wav": [True, True, True],
        "e.wav": [False, False, False],
    }
    assert not labels.reviewed[:4].any()


def test_a_decision_on_what_was_not_known_makes_it_known(any_workspace: Workspace) -> None:
    filled(any_workspace)
    said = (("owl", "present"), ("jay", "absent"), ("tit", "unsure"))
    journal.append(any_workspace, [Decision(f"e{code}", "ann", 4, code, verdict) for code, verdict in said])
    clip = clips(any_workspace)["d.wav"]
    assert (clip.labels, clip.absent, clip.unsure) == (("owl",), ("jay",), ("tit",))
    assert clip.who == {"owl": "ann", "jay": "ann", "tit": "ann"}
    with any_workspace.read() as connection:
        assert versions.labels_at(connection).unsure[3].tolist() == [False, False, True]


def test_verdicts_of_a_collection_are_peoples_and_can_be_taken_back(any_workspace: Workspace) -> None:
    filled(any_workspace)
    clip = clips(any_workspace)["e.wav"]
    assert (clip.labels, clip.absent) == (("tit",), ("owl",))
    assert clip.who == {"owl": "rater", "tit": "rater"}
    assert clip.events == (LabelledEvent("tit", HEARD, ("rater",)),)
    with any_workspace.read() as connection:
        assert versions.labels_at(connection).reviewed[4].tolist() == [False, True, True]
        (said,) = (entry for entry in journal.clip_history(connection, 5) if entry.class_code == "owl")
    journal.append(any_workspace, [Decision("u", "ann", 5, "owl", "undo", undoes=said.position)])
    assert clips(any_workspace)["e.wav"].labels == ("owl", "tit")
