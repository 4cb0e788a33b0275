"""Post-processors of new sound: what the collection knows beside it, by segment. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from labeling.collection import store
from labeling.disagreement.priors import (
    BY_SCENE,
    POSTPROCESSORS,
    Collection,
    collection_of,
    context_for_sound,
    postprocess_shift,
)
from labeling.errors import ConfigError
from labeling.journal import versions
from labeling.records import Run
from labeling.storage.csvsafe import read_csv
from labeling.workspace import Workspace
from models.combining.mixture import Mixture
from models.prediction.sources import BatchSettings, Source

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Post:
    """Post-processors to apply to each segment, by what the collection knows and what is known of the recording.

    ``parts`` are their names and the strength of each; all look at the probabilities as they come in.
    """

    parts: tuple[tuple[str, float], ...]
    collection: Collection
    metadata: dict[str, str]

    def apply(self, segments: FloatArray) -> FloatArray:
        """Shifts of the log odds for segments (S, C)."""
        total = np.zeros(segments.shape, dtype=np.float32)
        for name, strength in self.parts:
            context = context_for_sound(self.collection, [self.metadata] * len(segments), strength)
            total += postprocess_shift((name,), segments, context)
        return total


@dataclass(frozen=True)
class PostProcessing:
    """What post-processors are given: the collection, and what is known of each recording by its file name.

    ``parts`` are their names and strengths.
    """

    parts: tuple[tuple[str, float], ...]
    collection: Collection
    metadata: Mapping[str, dict[str, str]]

    def of(self, source: Source) -> Post:
        """Those of one recording."""
        return Post(self.parts, self.collection, self.metadata.get(source.filename, {}))


def post_processing(
    workspace: Workspace, run: Run, classes: Sequence[str], settings: BatchSettings, mixture: Mixture | None
) -> PostProcessing | None:
    """The post-processors that the user names, after those that a combination was made with; None for none.

    They are learned from the run's own label version. Raises UnknownName, ConfigError, FormatError.
    """
    names, own = tuple(dict.fromkeys(settings.post)), mixture.asked.post if mixture else ()
    if twice := sorted(set(names) & set(own)):
        raise ConfigError(f"--post {twice[0]} is in run {run.id} already; leave it out")
    for name in names:
        POSTPROCESSORS.get(name)
    if settings.about and not (names or own):
        raise ConfigError("--about serves post-processors; add --post place_date, or leave it out")
    if settings.strength != 1 and not names:
        raise ConfigError(f"--strength {settings.strength:g} scales post-processors; add --post NAMES, or leave it out")
    scenes = [name for name in BY_SCENE if name in names]
    if scenes and not settings.about:
        raise ConfigError(
            f"--post {scenes[0]} needs --about CSV with filename and latitude, longitude, date or elevation"
        )
    if not names and not own:
        return None
    parts = [(name, mixture.asked.strength) for name in own] if mixture else []
    parts += [(name, settings.strength) for name in names]
    with workspace.read() as connection:
        labels = versions.labels_of_version(connection, run.label_version)
        clips = store.usable_clips(connection)
    rows = read_csv(settings.about, ("filename",)) if settings.about else []
    metadata = {PurePosixPath(row["filename"]).name: row for row in rows}
    return PostProcessing(tuple(parts), collection_of(labels, clips, classes=classes), metadata)
