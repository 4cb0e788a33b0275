"""Find and fix the wrong and missing labels of an audio collection, from Python.

    import earmark

    w = earmark.open("birds")                          # or earmark.create("birds", from_="path/to/collection")
    df = w.suspects(kind="missing").to_pandas()        # filename, class, p_wrong, onset_s, why
    w.show(df.iloc[0])                                 # in a notebook: picture, the model's frames, sound
    w.decide(df.head(20), "present", reviewer="me")
    w.labels().to_parquet("labels.parquet")

With arrays and no workspace::

    issues = earmark.find_label_issues(labels, pred_probs)

Nothing here loads torch but `Workspace.train`.
"""

from __future__ import annotations

from earmark.issues import find_label_issues, label_errors_report
from earmark.suspects import Suspects
from earmark.version import __version__
from earmark.workspace import Workspace, create, open

__all__ = [
    "Suspects",
    "Workspace",
    "__version__",
    "create",
    "find_label_issues",
    "label_errors_report",
    "open",
]
