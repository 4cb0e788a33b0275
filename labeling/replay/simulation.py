"""Replay: a simulated reviewer works through the queue against a known truth, before anybody listens.

The queue is the real one: `suspects.queue` on a copy of the workspace, whose journal the decisions go to, so that
calibration, variety and all else do what they do for people. The workspace itself is only read. It begins with the
labels as they are now: what was decided is not asked again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from labeling import journal, runs
from labeling.collection import store
from labeling.collection.truth import read_truth
from labeling.disagreement.scorers import DEFAULT_SCORER, SCORERS
from labeling.disagreement.scoring import score_run
from labeling.disagreement.stored_ranking import Ranking, read_ranking, store_ranking
from labeling.errors import DataError
from labeling.journal import versions
from labeling.quality.scored_run import read_scored_run
from labeling.records import Decision, Run
from labeling.replay import scratch
from labeling.replay.curves import Curve, best_reference, random_reference
from labeling.replay.reviewer import SimulatedReviewer, listened_s
from labeling.replay.training import Retraining, check_retraining, retrain
from labeling.review import second_looks
from labeling.review.second_looks import Shares, doubted_verdicts
from labeling.storage import database as db
from labeling.storage import tables
from labeling.suspects import queue
from labeling.suspects.filter import ORDERS, QueueFilter
from labeling.workspace import Workspace

REVIEWER = "replay"
REPLAYED = tuple(name for name in ORDERS if name != "next")
USUAL_ORDERS = ("likely", "worth", "uncertain", "audit")
MOST_DECISIONS = 20_000  # some weeks of listening
STEPS, LEAST_STEP = 200, 20  # the list is read anew so often; never before a screen of rows is done
NO_SHARES = Shares(0, 0, 0)  # this reviewer is asked nothing for the sake of statistics
Tell = Callable[[int, int, str], None]
"""``tell(done, total, text)``: decisions of all orders so far, how many there will be at most, and what goes on."""
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Plan:
    """What to replay. ``decisions`` and ``every`` (decisions from one reading of the list to the next) None: as many
    as there are cells, up to MOST_DECISIONS, in STEPS steps. No ``scorers``: those that the run was scored by.
    ``ask_again``: verdicts that the evidence speaks against are asked once more, as the review page does."""

    truth: Path
    run_id: str = ""
    scorers: tuple[str, ...] = ()
    orders: tuple[str, ...] = USUAL_ORDERS
    reviewer: SimulatedReviewer = field(default_factory=SimulatedReviewer)
    decisions: int | None = None
    every: int | None = None
    retraining: Retraining | None = None
    ask_again: bool = False

    def __post_init__(self) -> None:
        for order in self.orders:
            if QueueFilter(order=order).order not in REPLAYED:
                raise DataError(f"the order {order} learns on a space; replay it with --learn SPACE")
        if not self.orders:
            raise DataError(f"no order to replay; choose from {', '.join(REPLAYED)}")
        for name, value in (("--decisions", self.decisions), ("--step", self.every)):
            if value is not None and value < 1:
                raise DataError(f"{name} {value} must be at least 1")

    def as_json(self) -> dict[str, Any]:
        """The plan as a job keeps it; `plan_of` reads it."""
        training = None
        if self.retraining:
            training = {key: value for key, value in asdict(self.retraining).items() if key != "command"}
        return {
            "truth": str(self.truth),
            "run": self.run_id,
            "scorers": list(self.scorers),
            "orders": list(self.orders),
            "reviewer": asdict(self.reviewer),
            "decisions": self.decisions,
            "every": self.every,
            "retraining": training,
            "ask_again": self.ask_again,
        }


def plan_of(request: Mapping[str, Any]) -> Plan:
    """The plan that `Plan.as_json` gave. Raises DataError where a value is out of bounds."""
    training = request["retraining"]
    return Plan(
        truth=Path(request["truth"]),
        run_id=request["run"],
        scorers=tuple(request["scorers"]),
        orders=tuple(request["orders"]),
        reviewer=SimulatedReviewer(**request["reviewer"]),
        decisions=request["decisions"],
        every=request["every"],
        retraining=Retraining(**training | {"settings": tuple(training["settings"])}) if training else None,
        ask_again=request.get("ask_again", False),
    )


@dataclass(frozen=True)
class World:
    """What is true of the cells to be decided; arrays (N, C), found by clip and class id.

    ``given``: the label that stands; ``open``: not decided yet, and the truth is known.
    """

    row_of: NDArray[np.int64]
    column_of: NDArray[np.int64]
    given: Bools
    truth: Bools
    open: Bools
    duration_s: NDArray[np.float64]

    @property
    def errors(self) -> int:
        """How many labels are wrong."""
        return int(((self.given != self.truth) & self.open).sum())


@dataclass(frozen=True)
class Outcome:
    """A replay's curves, references last. Of ``errors`` wrong labels, ``catches`` the reviewer would see.

    ``reachable``: so many of them are among the ``cells`` of the (first) ranking.
    """

    run_id: str
    errors: int
    catches: int
    reachable: int
    cells: int
    horizon: int
    every: int
    curves: tuple[Curve, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class Start:
    """What a replay starts from: a finished run, the scorers to try, and what is true."""

    run: Run
    scorers: tuple[str, ...]
    world: World
    unknown: tuple[str, ...]


def read_start(workspace: Workspace, plan: Plan) -> Start:
    """Read what a plan starts from.

    Raises DataError where there is no finished run or no wrong label, UnknownName for a scorer, FormatError for a
    truth that cannot be used.
    """
    with workspace.read() as connection:
        run = runs.get_run(connection, plan.run_id) if plan.run_id else runs.newest_done(connection)
        if run is None or run.status != "done":
            what = f"run {run.id} is {run.status}" if run else "no finished run"
            raise DataError(f"{what}: there is no queue to replay; train one with `python -m models train RECIPE`")
        stored = [scorer for run_id, scorer, _ in queue.scored(connection) if run_id == run.id]
    scorers = plan.scorers or tuple(stored) or (DEFAULT_SCORER,)
    for scorer in scorers:
        if scorer not in stored or plan.retraining:
            SCORERS.get(scorer)
    world, unknown = read_world(workspace, plan.truth)
    return Start(run, scorers, world, unknown)


def replay(workspace: Workspace, plan: Plan, tell: Tell = lambda done, total, text: None) -> Outcome:
    """Work through every scorer's every order from the same start, and compare.

    Raises as `read_start` does, ArtefactError where predictions cannot be read or a training fails, and whatever
    ``tell`` raises, to end it.
    """
    begun = read_start(workspace, plan)
    run, scorers, world = begun.run, begun.scorers, begun.world
    with tempfile.TemporaryDirectory(prefix="earmark-replay-") as folder:
        start = scratch.copy_workspace(workspace, Path(folder) / "start")
        for scorer in scorers:
            tell(0, 1, f"scoring by {scorer}")
            if not scratch.copy_ranking(workspace, start, run.id, scorer):
                score_run(start, run.id, scorer)
            _keep_covered(start, run.id, scorer, world)
        with start.read() as connection:
            rankings = [read_ranking(connection, run.id, scorer) for scorer in scorers]
        cells = max(int(_asked(ranking, world)[0].sum()) for ranking in rankings)
        horizon = min(cells, MOST_DECISIONS) if plan.decisions is None else min(cells, plan.decisions)
        if not horizon:
            raise DataError(f"{plan.truth} says nothing of the clips that run {run.id} ranks; use one that names them")
        if plan.retraining and plan.retraining.every * plan.retraining.rounds >= horizon:
            raise DataError(
                f"--retrain {plan.retraining.rounds} --every {plan.retraining.every}: the last training would come "
                f"after {plan.retraining.rounds * plan.retraining.every} decisions, and there are {horizon} in all; "
                "lower one of them"
            )
        if plan.retraining:
            check_retraining(start, plan.retraining, lambda: tell(0, 1, "checking the training"))
        every = plan.every or max(LEAST_STEP, -(-horizon // STEPS))
        pairs = [(scorer, order) for scorer in scorers for order in plan.orders]
        curves = []
        for number, (scorer, order) in enumerate(pairs):
            copy = scratch.duplicate(start, Path(folder) / str(number))

            def told(done: int, text: str, number: int = number) -> None:
                tell(number * horizon + done, len(pairs) * horizon, text)

            try:
                curves.append(_work_through(copy, world, plan, (run.id, scorer), order, horizon, every, told))
            finally:
                copy.close()
        start.close()
    curves += references(rankings[0], world, plan.reviewer, horizon)
    caught = _catches(world, plan.reviewer)
    reach, wrong = _asked(rankings[0], world)
    return Outcome(
        run.id, world.errors, int(caught.sum()), int((reach & wrong).sum()), cells, horizon, every, tuple(curves),
        begun.unknown,
    )  # fmt: skip


def read_world(workspace: Workspace, truth: Path) -> tuple[World, tuple[str, ...]]:
    """What a truth file says of the labels that nobody decided yet, and its labels that are no class.

    Raises FormatError for a file that cannot be used, DataError where it finds no label wrong.
    """
    with workspace.read() as connection:
        labels = versions.labels_at(connection)
        imported = versions.labels_at(connection, 0)
        class_ids = store.class_ids(connection)
        lengths = dict(db.fetch(connection, sa.select(tables.clips.c.id, tables.clips.c.duration_s)))
    known = read_truth(truth, labels.filenames, labels.classes, imported.present)
    row_of = np.full(int(labels.clip_ids.max(initial=0)) + 1, -1, np.int64)
    row_of[labels.clip_ids] = np.arange(len(labels.clip_ids))
    column_of = np.full(max(class_ids.values(), default=0) + 1, -1, np.int64)
    column_of[[class_ids[code] for code in labels.classes]] = np.arange(len(labels.classes))
    to_do = known.covered[:, None] & ~labels.reviewed & ~labels.unsure
    duration_s = np.array([lengths[clip_id] for clip_id in labels.clip_ids.tolist()], np.float64)
    world = World(row_of, column_of, labels.present, known.present, to_do, duration_s)
    if not world.errors:
        raise DataError(f"{truth} finds no label wrong that is still to be decided; there is nothing to replay")
    return world, known.unknown


def references(ranking: Ranking, world: World, reviewer: SimulatedReviewer, horizon: int) -> list[Curve]:
    """An order by chance, on average, and the best possible, for this reviewer and a ranking's cells."""
    asked, wrong = _asked(ranking, world)
    clip_id, class_id, wrong = ranking.clip_id[asked], ranking.class_id[asked], wrong[asked]
    calls_wrong = reviewer.finds_wrong(clip_id, class_id, wrong)
    sure = ~reviewer.is_unsure(clip_id, class_id)
    rows, columns = world.row_of[clip_id], world.column_of[class_id]
    stretch_s = (ranking.offset_s - ranking.onset_s)[asked]
    cost_s = listened_s(world.given[rows, columns], calls_wrong, stretch_s, world.duration_s[rows])
    caught, spoiled = sure & wrong & calls_wrong, sure & ~wrong & calls_wrong
    mean_s = float(cost_s.mean()) if len(cost_s) else 0.0
    return [
        random_reference(len(wrong), int(caught.sum()), int(spoiled.sum()), mean_s, horizon),
        best_reference(int(_catches(world, reviewer).sum()), cost_s[caught], horizon),
    ]


def _catches(world: World, reviewer: SimulatedReviewer) -> Bools:
    """Which of all wrong labels this reviewer would put right, whatever the order."""
    rows, columns = np.nonzero((world.given != world.truth) & world.open)
    clip_id = np.flatnonzero(world.row_of >= 0)[np.argsort(world.row_of[world.row_of >= 0])][rows]
    class_id = np.flatnonzero(world.column_of >= 0)[np.argsort(world.column_of[world.column_of >= 0])][columns]
    wrong = np.ones(len(rows), bool)
    return reviewer.finds_wrong(clip_id, class_id, wrong) & ~reviewer.is_unsure(clip_id, class_id)


def _asked(ranking: Ranking, world: World) -> tuple[Bools, Bools]:
    """Which places of a ranking (M,) are to be decided and have a truth; at which of all the label is wrong."""
    rows, columns = _places(ranking.clip_id, world.row_of), _places(ranking.class_id, world.column_of)
    there = (rows >= 0) & (columns >= 0)
    return there & world.open[rows, columns], there & (world.given != world.truth)[rows, columns]


def _places(ids: NDArray[np.int64], place_of: NDArray[np.int64]) -> NDArray[np.int64]:
    inside = ids < len(place_of)
    return np.where(inside, place_of[np.where(inside, ids, 0)], -1)


def _keep_covered(copy: Workspace, run_id: str, scorer: str, world: World) -> None:
    """Take the suspects out of a copy's ranking that the truth says nothing of, so that nobody is asked of them."""
    with copy.read() as connection:
        ranking = read_ranking(connection, run_id, scorer)
    asked, _ = _asked(ranking, world)
    if asked.all():
        return
    with copy.write() as connection:
        store_ranking(connection, run_id, scorer, ranking.part(asked), vars(ranking.past))


def _work_through(
    copy: Workspace,
    world: World,
    plan: Plan,
    scored: tuple[str, str],
    order: str,
    horizon: int,
    every: int,
    tell: Callable[[int, str], None],
) -> Curve:
    """Decide, in steps of ``every``, what the queue shows next in a copy of the workspace."""
    parts: list[NDArray[np.float64]] = []
    again = 0
    done, retrained, training = 0, list[tuple[int, str]](), plan.retraining
    wanted = QueueFilter(order=order)
    while done < horizon:
        tell(done, f"{scored[1]}, {ORDERS[order].lower()}: {done} of {horizon} decisions")
        step = min(every, horizon - done)
        due = training is not None and len(retrained) < training.rounds
        if training is not None and due:
            step = min(step, training.every * (len(retrained) + 1) - done)
        with copy.read() as connection:
            run = read_scored_run(connection, *scored)
            cells = doubted_verdicts(connection, run, REVIEWER, NO_SHARES) if plan.ask_again else []
            doubted = queue.of_cells(connection, run, cells)[:step]
            rows = queue.rows(connection, run, wanted, limit=step - len(doubted))
        if not rows and not doubted:
            break
        for some, second in ((doubted, True), (rows, False)):
            if some:
                parts.append(_decide(copy, world, plan.reviewer, scored, some, again=second))
        done, again = done + len(rows) + len(doubted), again + len(doubted)
        if training is not None and due and done >= training.every * (len(retrained) + 1) and done < horizon:
            alive = partial(tell, done, f"training round {len(retrained) + 1} of {training.rounds}")
            run_id = retrain(copy, training, REVIEWER, alive)
            scored = run_id, scored[1]
            score_run(copy, *scored)
            _keep_covered(copy, *scored, world)
            retrained.append((done, run_id))
    seconds, errors_found, spoiled, missed = np.cumsum(np.concatenate([np.zeros((4, 0)), *parts], axis=1), axis=1)
    still = int(missed[-1]) if len(missed) else 0
    return Curve(scored[1], order, seconds, errors_found, spoiled, tuple(retrained), still, again)


def _decide(
    copy: Workspace,
    world: World,
    reviewer: SimulatedReviewer,
    scored: tuple[str, str],
    rows: Sequence[queue.QueueRow],
    *,
    again: bool,
) -> NDArray[np.float64]:
    """Answer these suspects, or look at verdicts on them ``again``: (4, n) seconds, and by how much it changed how many
    errors are put right, right labels spoiled, and wrong ones left standing."""
    with copy.read() as connection:
        ids = store.class_ids(connection)
        first = [
            second_looks.first_look(connection, REVIEWER, row.suspect.clip_id, row.suspect.class_code)
            if again
            else None
            for row in rows
        ]
    clip_id = np.array([row.suspect.clip_id for row in rows], np.int64)
    class_id = np.array([ids[row.suspect.class_code] for row in rows], np.int64)
    stretch_s = np.array([row.suspect.offset_s - row.suspect.onset_s for row in rows])
    at = world.row_of[clip_id], world.column_of[class_id]
    given, wrong = world.given[at], world.given[at] != world.truth[at]
    before, unsure = reviewer.finds_wrong(clip_id, class_id, wrong), reviewer.is_unsure(clip_id, class_id)
    calls_wrong = reviewer.finds_wrong(clip_id, class_id, wrong, again=True) if again else before
    says = np.where(unsure, "unsure", np.where(given ^ calls_wrong, "present", "absent")).tolist()
    journal.append(
        copy,
        [
            Decision(
                journal.new_event_id(),
                REVIEWER,
                row.suspect.clip_id,
                row.suspect.class_code,
                verdict,
                run_id=scored[0],
                shown=replace(queue.as_shown(row, scored[1]), asked=True, blind=again, doubted_look=look),
            )
            for row, verdict, look in zip(rows, says, first, strict=True)
        ],
    )
    seconds = listened_s(given, calls_wrong | unsure, stretch_s, world.duration_s[at[0]])
    now = np.stack([wrong & calls_wrong, ~wrong & calls_wrong, wrong & ~calls_wrong]) & ~unsure
    if again:
        now = now.astype(float) - np.stack([wrong & before, ~wrong & before, wrong & ~before])
    return np.vstack([seconds, now])
