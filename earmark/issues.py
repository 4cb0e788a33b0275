"""Labels and predictions as arrays -> the labels that are likely wrong; no workspace and no sound is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeling.disagreement.assembly import assemble_evidence
from labeling.disagreement.ranking import rank_suspects
from labeling.disagreement.scorers import DEFAULT_SCORER
from labeling.errors import DataError
from labeling.predictions.oof import Oof
from labeling.records import FrameGrid, Labels

if TYPE_CHECKING:
    import pandas as pd

LIKELY = 0.5


def find_label_issues(
    labels: ArrayLike | pd.DataFrame,
    pred_probs: ArrayLike | pd.DataFrame,
    frames: Sequence[NDArray[Any]] | NDArray[Any] | None = None,
    groups: Sequence[Any] | None = None,
    *,
    classes: Sequence[str] | None = None,
    filenames: Sequence[str] | None = None,
    frame_step_s: float = 1.0,
    scorer: str = DEFAULT_SCORER,
) -> pd.DataFrame:
    """Rank the cells (clip, class) whose label the predictions doubt, the most suspect first.

    Parameters
    ----------
    labels : array-like of bool, shape (N, C), or DataFrame
        1 where the class is listed for the clip, 0 where it is not, NaN where nobody looked: such cells are left out.
        Of a DataFrame the index names the clips and the columns the classes.
    pred_probs : array-like, shape (N, C), or DataFrame
        Probability that the class is in the clip, of a model that never saw the clip (out-of-fold).
    frames : N arrays of shape (T_i, C), or one (N, T, C), optional
        The same for each frame, where the model gives them.
    groups : sequence of length N, optional
        Recordist, site or fold: what confusions of classes show in one part is not held against that part itself.
    classes, filenames : sequence of str, optional
        Names for the result; by default those of a DataFrame, else numbers.
    frame_step_s : float
        Seconds from one frame to the next, for ``onset_s`` and ``offset_s``.
    scorer : str
        A name in ``labeling.disagreement.scorers.SCORERS``; ``cleanlab`` among them.

    Returns
    -------
    DataFrame
        One row a cell: ``filename``, ``class``, ``kind`` (``missing``, ``false``, ``swapped``), ``given`` (the label),
        ``probability``, ``label_quality`` and ``p_wrong`` (0..1; low quality = suspect), and with ``frames`` the
        seconds that speak.

    Raises
    ------
    DataError
        Shapes disagree, a probability is none, or a label is neither 0, 1 nor NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from earmark import find_label_issues
    >>> random = np.random.default_rng(0)
    >>> truth = random.random((200, 3)) < 0.3
    >>> probability = np.clip(truth * 0.8 + 0.1 + random.normal(0, 0.05, truth.shape), 0, 1)
    >>> labels = truth.copy()
    >>> labels[7, 1] = ~labels[7, 1]
    >>> issues = find_label_issues(labels, probability, classes=["crow", "oriole", "goose"])
    >>> issues.iloc[0][["filename", "class"]].tolist()
    ['7', 'oriole']
    """
    import pandas as pd

    given, known, names, codes = _labels(labels, classes, filenames)
    probability = _probabilities(pred_probs, given.shape)
    oof = _oof(names, codes, probability, frames, groups, frame_step_s)
    imported = Labels(
        clip_ids=oof.clip_ids,
        filenames=names,
        classes=codes,
        present=given,
        unsure=~known,
        reviewed=np.zeros_like(given),
        primary=np.full(len(names), -1, np.int32),
    )

    def assembled(predictions: Oof, aligned: Any) -> Any:
        from dataclasses import replace

        evidence = assemble_evidence(predictions, aligned.given, aligned.known)
        return evidence if groups is None else replace(evidence, fold=predictions.fold)

    ranked = rank_suspects(oof, imported, scorer=scorer, assemble=assembled)
    rows, columns = ranked.clip_index, ranked.class_index
    at = [codes.index(ranked.classes[column]) for column in columns]
    table = {
        "filename": [names[row] for row in rows],
        "class": [ranked.classes[column] for column in columns],
        "kind": ranked.kind,
        "given": given[rows, at],
        "probability": probability[rows, at],
        "label_quality": ranked.label_quality,
        "p_wrong": ranked.p_wrong,
    }
    if frames is not None:
        table |= {"onset_s": ranked.onset_s, "offset_s": ranked.offset_s}
    return pd.DataFrame(table)


def label_errors_report(issues: pd.DataFrame, likely: float = LIKELY) -> pd.DataFrame:
    """Count the labels that are likely wrong, class by class.

    Parameters
    ----------
    issues : DataFrame
        As `find_label_issues` gives it.
    likely : float
        From which ``p_wrong`` on a label counts as likely wrong.

    Returns
    -------
    DataFrame
        A row a class, the most suspect first: ``missing``, ``false``, ``swapped`` (how many are likely wrong),
        ``expected`` (the sum of ``p_wrong``) and ``cells`` (how many were looked at).

    Examples
    --------
    >>> import numpy as np
    >>> from earmark import find_label_issues, label_errors_report
    >>> labels = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [1, 0]] * 20)
    >>> probability = np.where(labels, 0.9, 0.1)
    >>> probability[0] = [0.1, 0.9]
    >>> label_errors_report(find_label_issues(labels, probability)).loc["0", "cells"].item()
    100
    """
    import pandas as pd

    if not 0 <= likely <= 1:
        raise DataError(f"likely {likely} is outside 0 to 1")
    lacking = [name for name in ("class", "kind", "p_wrong") if name not in issues.columns]
    if lacking:
        raise DataError(f"issues lack the column {', '.join(lacking)}; give what find_label_issues returned")
    wrong = issues[issues["p_wrong"] >= likely]
    report = pd.crosstab(wrong["class"], wrong["kind"]).reindex(
        index=sorted(issues["class"].unique()), columns=["missing", "false", "swapped"], fill_value=0
    )
    report["expected"] = issues.groupby("class")["p_wrong"].sum().round(1)
    report["cells"] = issues.groupby("class").size()
    report.columns.name = None
    return report.sort_values("expected", ascending=False, kind="stable")


def _labels(
    labels: Any, classes: Sequence[str] | None, filenames: Sequence[str] | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], tuple[str, ...], tuple[str, ...]]:
    if hasattr(labels, "columns"):
        classes = list(labels.columns) if classes is None else classes
        filenames = list(labels.index) if filenames is None else filenames
        labels = labels.to_numpy(dtype=float, na_value=np.nan)
    values = np.asarray(labels, dtype=float)
    if values.ndim != 2 or not values.size:
        raise DataError(f"labels have shape {values.shape}; give (clips, classes), with at least one of each")
    known = ~np.isnan(values)
    wrong = values[known & (values != 0) & (values != 1)]
    if wrong.size:
        raise DataError(f"labels hold {wrong[0]:g}; give 1 (listed), 0 (not listed) or NaN (nobody looked)")
    names = tuple(str(name) for name in (range(values.shape[0]) if filenames is None else filenames))
    codes = tuple(str(code) for code in (range(values.shape[1]) if classes is None else classes))
    for what, own, count in (("filenames", names, values.shape[0]), ("classes", codes, values.shape[1])):
        if len(own) != count or len(set(own)) != count:
            raise DataError(f"{len(own)} {what} ({len(set(own))} different) for {count} in the labels; give one each")
    return values == 1, known, names, codes


def _probabilities(pred_probs: Any, shape: tuple[int, ...]) -> NDArray[np.float32]:
    values = np.asarray(pred_probs, dtype=np.float32)
    if values.shape != shape:
        raise DataError(f"pred_probs have shape {values.shape} where the labels have {shape}")
    if not ((values >= 0) & (values <= 1)).all():
        wrong = values[~((values >= 0) & (values <= 1))][0]
        raise DataError(f"pred_probs hold {wrong:g}; give probabilities, 0 to 1 (of logits: 1 / (1 + exp(-x)))")
    return values


def _oof(
    names: tuple[str, ...],
    codes: tuple[str, ...],
    probability: NDArray[np.float32],
    frames: Any,
    groups: Sequence[Any] | None,
    step_s: float,
) -> Oof:
    if not 0 < step_s < np.inf:
        raise DataError(f"frame_step_s {step_s} must be above 0")
    own = [np.zeros((0, len(codes)), np.float16)] * len(names) if frames is None else [np.asarray(f) for f in frames]
    if len(own) != len(names) or any(clip.ndim != 2 or clip.shape[1] != len(codes) for clip in own):
        shapes = sorted({clip.shape for clip in own})[:3]
        raise DataError(f"frames are {len(own)} of shapes {shapes}; give {len(names)}, each (frames, {len(codes)})")
    flat = np.concatenate(own)
    if flat.size and not ((flat >= 0) & (flat <= 1)).all():
        raise DataError("frames hold values outside 0 to 1; give probabilities")
    parts = np.zeros(len(names), np.int32)
    if groups is not None:
        if len(groups) != len(names):
            raise DataError(f"{len(groups)} groups for {len(names)} clips; give one each")
        parts = np.unique([str(group) for group in groups], return_inverse=True)[1].astype(np.int32)
    return Oof(
        clip_ids=np.arange(1, len(names) + 1),
        filenames=names,
        classes=codes,
        clipwise=probability,
        offsets=np.concatenate([[0], np.cumsum([len(clip) for clip in own])]).astype(np.int64),
        fold=parts,
        grid=FrameGrid(0.0, step_s, step_s),
        label_version=0,
        label_hash="",
        framewise=flat.astype(np.float16),
    )
