"""What each stage of label correction does, what its source did, and what came of it; for helps and pages."""

from __future__ import annotations

from collections.abc import Mapping

#: stage -> what it does
WHAT: Mapping[str, str] = {
    "stage1": "Adds a label where the run's out-of-fold probability of a class is above the threshold anywhere in a "
    "clip that has exactly one label.",
    "stage2": "Trains on the clips' labels with what stage 1 added, each label on every chunk of its clip. The frames "
    "of the run are what stage 3 reads.",
    "stage3": "Trains with a label on a chunk only where the out-of-fold frames of stage 2's run reach a threshold "
    "there. Each member of a fold takes the next threshold, all are trained on all clips as well, with averaged "
    "weights, and their predictions are averaged.",
    "iterate": "After each run its predictions correct the labels that nobody reviewed, and the next run trains on "
    "those, until few labels change.",
}

#: stage -> what its source did, and what came of it
SOURCES: Mapping[str, str] = {
    "stage1": "The source (6th of Cornell Birdcall 2020, 264 classes) added 2,529 labels to 2,084 clips, in 259 "
    "classes, at 0.9; its stage 1 alone scored 0.578 on the public and 0.619 on the private leaderboard.",
    "stage2": "In the source (6th of Cornell Birdcall 2020) stages 1 and 2 together went from 0.578 public and 0.619 "
    "private to 0.601 and 0.655, with a larger network as well.",
    "stage3": "In the source (6th of Cornell Birdcall 2020) 11 such models went from 0.601 public and 0.655 private to "
    "0.628 and 0.668; its author says that the private score hardly changed from stage 2 to 3, for a month of work.",
    "iterate": "The author of the stages wished he had, and did not: there is no number to expect. Others who trained "
    "on their own predictions gained much (RFCX 2nd) or nothing (BirdCLEF 2024 4th).",
}

#: stage -> both
NOTES: Mapping[str, str] = {stage: f"{what} {SOURCES[stage]}" for stage, what in WHAT.items()}
