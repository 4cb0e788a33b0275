"""Three clips with one of all that labels may say."""

from __future__ import annotations

from labeling.collection.annotation.base import Attribution, LabelledClip, LabelledEvent, Labelling
from labeling.records import Region

SMALL = Labelling(
    "birds",
    2,
    "2026-01-02T03:04:05",
    (
        LabelledClip(
            "site.1/a.b.wav", "/gone/a.b.wav", 4.0, 8000, 1, group="north", fold="1", metadata={"licence": "CC0"},
            primary="owl", labels=("owl", "jay"), unsure=("jay",), imported={"jay": Attribution("ann", 0.5)},
            events=(LabelledEvent("owl", Region(0.5, 1.0, 100.0, 900.0), ("bob",), 0.25),),
        ),
        LabelledClip("site.1/a_b.flac", "/gone/a_b.flac", 2.0, 8000, 2),
        LabelledClip("c.wav", "/gone/c.wav", 2.0, 8000, 1, labels=("owl",), absent=("tit",), partial=True),
    ),
    {"owl": "Owl", "jay": "Jay", "tit": "Tit"},
)  # fmt: skip
