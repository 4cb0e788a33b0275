"""What a collection knows beside the sound: which classes occur together, and where and when. Torch-free.

Each post-processor gives a shift of the log odds for every cell, learned from the labels of *other* clips: a clip of
the collection is shifted by what the folds say that it is not in, so that its own labels, and its group's, do not leak
into it. Shifts are found from the probabilities as they come in and added up, so their order does not matter.

Both are ratios of observed to expected counts, with ``SMOOTHING`` added to both (Norén, Hopstadius and Bate,
"Shrinkage observed-to-expected ratios for robust and transparent large-scale pattern discovery", 2013)::

    shift = log((observed + SMOOTHING) / (expected + SMOOTHING)),   at most LIMIT up or down

A rare class expects next to nothing anywhere, so that finding none of it is no word against it. Users may add their
own of the kind to ``POSTPROCESSORS``.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement.cooccurrence import EARTH_KM, elevation_of, place_and_month
from labeling.errors import ConfigError, DataError
from labeling.records import Clip, Labels
from labeling.registry import Registry

Floats = NDArray[np.float32]

SMOOTHING = 5.0  # clips
LIMIT = 3.0  # log odds: a factor of 20
PLACE_KM = 100.0  # standard deviation of the kernel over distance
SEASON_MONTHS = 1.0  # and of that over the time of year
FARTHEST_KM = 5 * PLACE_KM  # a clip beyond it would count for less than 1 / 250,000
CELL_KM = PLACE_KM / 5  # clips in a cube of this edge count at their mean place, so that time grows with the clips
FALLBACK_FOLDS = 5
FREE = -2  # the part of a clip that lends to every row
ELEVATION_M = 200.0  # standard deviation of the kernel over height above the sea
ELEVATION_STEP_M = ELEVATION_M / 10  # clips count at the nearest of such levels, so that time grows with the clips
SURE_ABOVE = 3.0  # standard errors: once in 700 by chance
_BLOCK_ROWS = 1 << 10


@dataclass(frozen=True)
class Scene:
    """Where and when clips were recorded: ``direction`` (N, 3), the place as a unit vector, and ``elevation_m`` (N,)
    above the sea, NaN where they are not known, and ``month`` (N,) 1..12, 0 where it is not."""

    direction: NDArray[np.float64]
    month: NDArray[np.int64]
    elevation_m: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.month)

    def rows(self, chosen: NDArray[Any]) -> Scene:
        """The scene of some of the clips."""
        return Scene(self.direction[chosen], self.month[chosen], self.elevation_m[chosen])


def scene(metadata: Sequence[Mapping[str, str]]) -> Scene:
    """The scene of clips by their metadata: column to text, as ``cooccurrence`` reads places, months and elevations."""
    places_and_months = [place_and_month(of_clip) for of_clip in metadata]
    angles = np.radians(np.array([place for place, _ in places_and_months], np.float64).reshape(-1, 2))
    latitude, longitude = angles[:, 0], angles[:, 1]
    flat = np.cos(latitude)
    direction = np.stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)], axis=1)
    elevation_m = np.array([elevation_of(of_clip) for of_clip in metadata], np.float64)
    return Scene(direction, np.array([month for _, month in places_and_months], np.int64), elevation_m)


@dataclass(frozen=True)
class Collection:
    """The labels that priors are learned from: ``present`` and ``known`` (N, C) of N clips over ``classes``, the
    part ``fold`` (N,) of the clips that never lends to itself, and their scene. ``row_of`` finds a clip by id."""

    classes: tuple[str, ...]
    present: NDArray[np.bool_]
    known: NDArray[np.bool_]
    fold: NDArray[np.int32]
    scene: Scene
    row_of: Mapping[int, int]


@dataclass(frozen=True)
class PostContext:
    """What M rows of probabilities over the collection's classes are judged by.

    ``fold`` (M,) names the part of the collection that a row must not learn from; -1 for sound that is not in it.
    ``scene`` is the rows' own. ``strength`` scales every shift: 0 changes nothing, 1 takes the prior at its word.
    """

    collection: Collection
    fold: NDArray[np.int32]
    scene: Scene
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 10:
            raise ConfigError(f"strength {self.strength:g} must be from 0 to 10; 1 takes the prior at its word")
        if len(self.fold) != len(self.scene):
            raise DataError(f"{len(self.fold)} folds for {len(self.scene)} rows; give one a row")


Postprocessor = Callable[[Floats, PostContext], Floats]
"""``(probabilities (M, C), context) -> shift (M, C)`` in log odds; the shift of a cell must not depend on the
probability of that cell itself, so that a higher one never comes out lower."""

POSTPROCESSORS: Registry[Postprocessor] = Registry("post-processor")
BY_SCENE = ("place_date", "elevation")
"""Post-processors that shift nothing where a row's metadata do not tell its scene."""


def collection_of(
    labels: Labels,
    clips: Sequence[Clip],
    fold_of: Mapping[int, int] | None = None,
    classes: Sequence[str] | None = None,
) -> Collection:
    """The collection of ``labels``; ``clips`` give place, date and group.

    ``classes`` are the columns wanted (default: the labels' own); of one that has no label nothing is learned.
    ``fold_of`` gives the fold, at least 0, of clips that were predicted; another is of its group's fold, and where
    nobody of its group was predicted it lends to all. Without it the parts are made of the groups' names.
    """
    by_id = {clip.id: clip for clip in clips}
    ids = labels.clip_ids.tolist()
    if fold_of:
        of_group = {
            by_id[clip_id].group: fold for clip_id, fold in fold_of.items() if clip_id in by_id and by_id[clip_id].group
        }
        groups = [by_id[clip_id].group if clip_id in by_id else "" for clip_id in ids]
        fold = np.array(
            [fold_of.get(clip_id, of_group.get(group, FREE)) for clip_id, group in zip(ids, groups, strict=True)],
            np.int32,
        )
    else:
        fold = group_folds(clips, ids)
    wanted = tuple(labels.classes if classes is None else classes)
    columns = np.array([labels.classes.index(code) if code in labels.classes else -1 for code in wanted], np.int64)
    return Collection(
        wanted,
        labels.present[:, columns] & (columns >= 0),
        ~labels.unsure[:, columns] & (columns >= 0),
        fold,
        scene([by_id[clip_id].metadata if clip_id in by_id else {} for clip_id in ids]),
        {clip_id: row for row, clip_id in enumerate(ids)},
    )


def group_folds(clips: Sequence[Clip], clip_ids: Sequence[int], folds: int = FALLBACK_FOLDS) -> NDArray[np.int32]:
    """A part 0 .. folds - 1 for each of ``clip_ids``, the same for all clips of a group (or else of one sound)."""
    name = {clip.id: clip.group or clip.content_hash or clip.filename for clip in clips}
    return np.array([zlib.crc32(name.get(clip_id, str(clip_id)).encode()) % folds for clip_id in clip_ids], np.int32)


def parts_of(clips: Sequence[Clip], clip_ids: Sequence[int], fold: NDArray[np.integer]) -> NDArray[np.int32]:
    """The part of each of ``clip_ids`` (N,): the ``fold`` (N,) that held it out; of one that none did (-1) its group's
    fold, or where nobody of its group was held out one of FALLBACK_FOLDS more, the same for its whole group."""
    name = {clip.id: clip.group for clip in clips}
    groups = [name.get(clip_id, "") for clip_id in clip_ids]
    of_group = {group: part for group, part in zip(groups, fold.tolist(), strict=True) if group and part >= 0}
    rest = fold.max(initial=-1) + 1 + group_folds(clips, clip_ids)
    held = [of_group.get(group, part) for group, part in zip(groups, rest.tolist(), strict=True)]
    return np.where(fold >= 0, fold, np.array(held, np.int32)).astype(np.int32)


def context_for_clips(collection: Collection, clip_ids: Sequence[int], strength: float = 1.0) -> PostContext:
    """The context of clips of the collection itself: each learns from the other parts only.

    Raises DataError where a clip is not in it.
    """
    strange = [clip_id for clip_id in clip_ids if clip_id not in collection.row_of]
    if strange:
        raise DataError(f"{len(strange)} clips are not in the label version, so no prior is known; choose a newer one")
    rows = np.array([collection.row_of[int(clip_id)] for clip_id in clip_ids], np.int64)
    return PostContext(collection, collection.fold[rows], collection.scene.rows(rows), strength)


def context_for_sound(
    collection: Collection, metadata: Sequence[Mapping[str, str]], strength: float = 1.0
) -> PostContext:
    """The context of new sound, one mapping of metadata a row (``latitude``, ``longitude``, ``date``,
    ``elevation`` where known)."""
    return PostContext(collection, np.full(len(metadata), -1, np.int32), scene(metadata), strength)


def apply_postprocess(names: Sequence[str], probabilities: NDArray[Any], context: PostContext) -> Floats:
    """Change probabilities by what the collection says of each class beforehand.

    In each cell a higher probability stays the higher one, 0 stays 0 and 1 stays 1.

    Parameters
    ----------
    names : sequence of str
        Of ``POSTPROCESSORS``: ``cooccurrence``, ``place_date``, ``elevation``.
    probabilities : ndarray, shape (M, C)
    context : PostContext
        Of the same M rows and C classes.

    Returns
    -------
    ndarray of float32, shape (M, C)

    Raises
    ------
    UnknownName
        There is no such post-processor.
    DataError
        The shapes do not fit.

    Examples
    --------
    >>> from labeling.collection import store
    >>> from labeling.disagreement import priors
    >>> from labeling.example import example_workspace
    >>> from labeling.journal import versions
    >>> from labeling.predictions.oof import read_oof
    >>> workspace = example_workspace()
    >>> with workspace.read() as connection:
    ...     labels, clips = versions.labels_at(connection), store.usable_clips(connection)
    >>> oof = read_oof(workspace.run_dir("001-demo") / "oof.zarr")
    >>> context = priors.context_for_clips(priors.collection_of(labels, clips), oof.clip_ids.tolist())
    >>> changed = priors.apply_postprocess(["cooccurrence"], oof.clipwise, context)
    >>> changed.shape, bool((changed != oof.clipwise).any())
    ((12, 3), True)
    """
    return shifted(probabilities, postprocess_shift(names, probabilities, context))


def postprocess_shift(names: Sequence[str], probabilities: NDArray[Any], context: PostContext) -> Floats:
    """The sum of the post-processors' shifts (M, C) in log odds, times the context's strength.

    With :func:`shifted` it also serves the frames of a clip, all of which move as the clip does.
    """
    chosen = [POSTPROCESSORS.get(name) for name in names]
    wanted = (len(context.fold), len(context.collection.classes))
    if probabilities.shape != wanted:
        raise DataError(f"probabilities of shape {probabilities.shape} where the context has {wanted}")
    total = np.zeros(wanted, np.float32)
    for postprocess in chosen:
        total += np.float32(context.strength) * np.clip(
            postprocess(np.asarray(probabilities, np.float32), context), -LIMIT, LIMIT
        )
    return total


def shifted(probabilities: NDArray[Any], shift: NDArray[Any]) -> Floats:
    """Probabilities with their log odds moved by ``shift``: p e^s / (1 - p + p e^s).

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.disagreement.priors import shifted
    >>> shifted(np.array([0.0, 0.5, 1.0]), np.log(3)).tolist()
    [0.0, 0.75, 1.0]
    """
    p = np.asarray(probabilities, np.float64)
    odds = np.exp(np.asarray(shift, np.float64))
    return np.asarray(np.clip(p * odds / (1 - p + p * odds), 0, 1), np.float32)


def _per_part(context: PostContext, work: Callable[[NDArray[np.bool_], NDArray[np.int64]], Floats]) -> Floats:
    """``work(lenders (N,), rows)`` for the rows of each part, with the clips that they may learn from."""
    out = np.zeros((len(context.fold), len(context.collection.classes)), np.float32)
    for part in np.unique(context.fold).tolist():
        rows = np.flatnonzero(context.fold == part)
        lenders = context.collection.fold != part
        if lenders.any():
            out[rows] = work(lenders, rows)
    return out


def _ratio(observed: NDArray[Any], expected: NDArray[Any]) -> Floats:
    return np.asarray(np.clip(np.log((observed + SMOOTHING) / (expected + SMOOTHING)), -LIMIT, LIMIT), np.float32)


@POSTPROCESSORS.register("cooccurrence")
def cooccurrence(probabilities: Floats, context: PostContext) -> Floats:
    """Classes that the collection lists together support each other, those that it never does speak against.

    ``shift[c] = sum over other classes j of w_j log((n_cj + s) / (n_c n_j / n + s))``, with n_cj the clips that
    list both, and w_j = max(0, (p_j - n_j / n) / (1 - n_j / n)): how far the prediction of j stands above what is
    usual of j, so that a floor of small probabilities says nothing.
    """
    source = context.collection

    def work(lenders: NDArray[np.bool_], rows: NDArray[np.int64]) -> Floats:
        both_known = source.known[lenders].astype(np.float32)
        listed = source.present[lenders].astype(np.float32) * both_known
        together = listed.T @ listed
        alone = listed.T @ both_known  # listed c among the clips where j is known
        clips = np.maximum(both_known.T @ both_known, 1)
        lift = _ratio(together, alone * alone.T / clips)
        np.fill_diagonal(lift, 0.0)
        usual = np.minimum(np.diag(together) / np.diag(clips), 0.999)
        heard = np.maximum(0, (probabilities[rows] - usual) / (1 - usual))
        return np.asarray(heard.astype(np.float32) @ lift.T)

    return _per_part(context, work)


@POSTPROCESSORS.register("place_date")
def place_date(probabilities: Floats, context: PostContext) -> Floats:
    """Classes listed near the place and the time of year come up, those listed elsewhere go down.

    Other clips count by a normal kernel over distance (``PLACE_KM``) times one over the months between
    (``SEASON_MONTHS``); expected is the class's share of all clips times the sum of the kernel. What a row does not
    tell (place or month) does not count, nor do clips that do not tell it; without both there is no shift.
    """
    from scipy.sparse import csr_array

    source = context.collection

    def work(lenders: NDArray[np.bool_], rows: NDArray[np.int64]) -> Floats:
        here, there = context.scene.rows(rows), source.scene.rows(lenders)
        known = source.known[lenders]
        listed = csr_array((source.present[lenders] & known).astype(np.float32))  # few cells are
        unknown = csr_array((~known).astype(np.float32))
        share = np.asarray(listed.sum(axis=0)) / np.maximum(known.sum(axis=0), 1)
        sites, site_of = _sites(there.direction)
        placed = np.flatnonzero(site_of >= 0)
        out = np.zeros((len(rows), known.shape[1]), np.float32)
        for month in np.unique(here.month).tolist():
            counts = _season(month)[there.month]
            # The first row are all clips, for rows that tell no place; then come the sites.
            ones, clips = np.zeros(len(there), np.int64), np.arange(len(there))
            at = np.concatenate([ones, site_of[placed] + 1]), np.concatenate([clips, placed])
            gather = csr_array((counts[at[1]], at), shape=(len(sites) + 1, len(there)))
            listed_at, unknown_at, clips_at = gather @ listed, gather @ unknown, gather.sum(axis=1)[:, None]
            chosen = np.flatnonzero(here.month == month)
            for start in range(0, len(chosen), _BLOCK_ROWS):
                part = chosen[start : start + _BLOCK_ROWS]
                near = _near(here.direction[part], sites)
                weight = near @ clips_at - (near @ unknown_at).toarray()
                out[part] = _ratio((near @ listed_at).toarray(), weight * share)
        out[np.isnan(here.direction[:, 0]) & (here.month == 0)] = 0
        return out

    return _per_part(context, work)


@POSTPROCESSORS.register("elevation")
def elevation(probabilities: Floats, context: PostContext) -> Floats:
    """Classes listed about as high above the sea come up, those listed at other heights go down.

    Other clips count by a normal kernel over the difference (``ELEVATION_M``), each at the nearest of levels
    ``ELEVATION_STEP_M`` apart; else as ``place_date``. Without an elevation there is no shift.
    """
    source = context.collection

    def work(lenders: NDArray[np.bool_], rows: NDArray[np.int64]) -> Floats:
        known = source.known[lenders]
        listed = source.present[lenders] & known
        there = source.scene.elevation_m[lenders]
        told = ~np.isnan(there)
        levels, at = np.unique(np.rint(there[told] / ELEVATION_STEP_M), return_inverse=True)
        listed_at, known_at = np.zeros((2, len(levels), known.shape[1]))
        np.add.at(listed_at, at, listed[told])
        np.add.at(known_at, at, known[told])
        share = listed.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        here = context.scene.elevation_m[rows]
        near = np.exp(-0.5 * ((np.nan_to_num(here)[:, None] - levels * ELEVATION_STEP_M) / ELEVATION_M) ** 2)
        return np.where(np.isnan(here)[:, None], np.float32(0), _ratio(near @ listed_at, near @ known_at * share))

    return _per_part(context, work)


def tells_more(
    shift: NDArray[Any], given: NDArray[np.bool_], known: NDArray[np.bool_], probabilities: NDArray[Any]
) -> bool:
    """Whether a shift (N, C) of the log odds tells of the labels ``given`` what the probabilities do not.

    The score test of one more term in a logistic model: the shift, each class about its own mean, times what is left
    of the labels, in standard errors. Below SURE_ABOVE of them chance would do.
    """
    count = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, shift - np.sum(shift, axis=0, where=known) / count, 0)
    left = np.where(known, given - probabilities, 0)
    left -= np.where(known, left.sum(axis=0) / count, 0)
    error = float(np.sqrt(np.sum(np.square(centred * left), dtype=np.float64)))
    return error > 0 and float(np.sum(centred * left, dtype=np.float64)) > SURE_ABOVE * error


def _sites(direction: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The mean place (P, 3) of the clips in each cube of CELL_KM, and which of them each clip is at, -1 for none."""
    site_of = np.full(len(direction), -1, np.int64)
    placed = np.flatnonzero(~np.isnan(direction[:, 0]))
    cubes = np.floor(direction[placed] * (EARTH_KM / CELL_KM)).astype(np.int64)
    _, site, count = np.unique(cubes, axis=0, return_inverse=True, return_counts=True)
    site_of[placed] = site
    sums = [np.bincount(site, direction[placed, axis], minlength=len(count)) for axis in range(3)]
    return np.stack(sums, axis=1) / np.maximum(count, 1)[:, None], site_of


def _season(month: int) -> NDArray[np.float32]:
    """How much a clip of each month (13,) counts for a row of ``month``; 0 is a month that is not known."""
    if not month:
        return np.ones(13, np.float32)
    apart = np.abs(month - np.arange(13))
    season = np.exp(-0.5 * (np.minimum(apart, 12 - apart) / SEASON_MONTHS) ** 2)
    season[0] = 0
    return np.asarray(season, np.float32)


def _near(here: NDArray[np.float64], sites: NDArray[np.float64]) -> Any:
    """How much each site counts for each row: sparse (M, 1 + P), the first column for rows that tell no place."""
    from scipy.sparse import csr_array
    from scipy.spatial import KDTree

    placed = np.flatnonzero(~np.isnan(here[:, 0]))
    nowhere = np.flatnonzero(np.isnan(here[:, 0]))
    rows, columns, values = [nowhere], [np.zeros_like(nowhere)], [np.ones(len(nowhere), np.float32)]
    if len(placed) and len(sites):  # the chord is as good as the arc at any distance that counts
        pairs = KDTree(here[placed]).sparse_distance_matrix(
            KDTree(sites), FARTHEST_KM / EARTH_KM, output_type="ndarray"
        )
        rows.append(placed[pairs["i"]])
        columns.append(pairs["j"] + 1)
        values.append(np.exp(-0.5 * (pairs["v"] * (EARTH_KM / PLACE_KM)) ** 2).astype(np.float32))
    where = np.concatenate(rows), np.concatenate(columns)
    return csr_array((np.concatenate(values), where), shape=(len(here), 1 + len(sites)))
