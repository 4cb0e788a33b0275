"""A scored run, read once a request and handed on: its ranking, and what verdicts make of the numbers in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection import contested
from labeling.disagreement.stored_ranking import Ranking, read_ranking, when_scored
from labeling.quality import calibration
from labeling.quality.calibration import Calibration, NextYield
from labeling.quality.verdicts import Judged, counted, judged
from labeling.storage.kept import Kept, engine_key

_runs: Kept[ScoredRun] = Kept(8)  # each 4 MB a million suspects, beside the ranking that those of one scoring share


@dataclass(frozen=True, eq=False)
class Turns:
    """In what turn each suspect (M,) comes, 0 first, by what it would teach a head on a ``space``. So many of them
    are ``missing`` from it: they come last."""

    turn: NDArray[np.int32]
    space: str
    missing: int


@dataclass(frozen=True, eq=False)
class ScoredRun:
    """What one scorer said of a run's cells, and what is learned of it up to a ``position`` of the journal.

    ``judged`` are the verdicts that count by then, ``probability`` (M,) that each suspect's label is wrong, calibrated
    on them; it cannot be written to. Verdicts after ``position`` change nothing here, so that a screen can keep the
    numbers that it was drawn with. ``scored_at`` is "" where the run was not scored: the ranking is empty then.
    ``turns`` are there where somebody asked for them (labeling/active/teaching.py).
    """

    run_id: str
    scorer: str
    scored_at: str
    position: int
    ranking: Ranking
    judged: Judged
    calibration: Calibration
    probability: NDArray[np.float32]
    turns: Turns | None = None

    def __len__(self) -> int:
        return len(self.ranking.clip_id)

    def next_yield(self, index: NDArray[Any]) -> NextYield:
        """How many of the labels at these places (n,) of the ranking are wrong, with a 95 % interval."""
        return calibration.next_yield(self.calibration, self.ranking, index)


def read_scored_run(connection: Connection, run_id: str, scorer: str, position: int | None = None) -> ScoredRun:
    """Read a run as a scorer ranked it and people judged it, up to a position of the journal.

    The same object is returned while neither changes. Verdicts on labels before the scoring count by what the scorer
    says of them (`Ranking.past`); without any verdict the probabilities are a guess.

    Parameters
    ----------
    connection : Connection
    run_id, scorer : str
        See `queue.scored` for those that there are.
    position : int, optional
        By default the journal's end.

    Returns
    -------
    ScoredRun
        Of M suspects, best first. Where the run was not scored, M is 0.

    Raises
    ------
    ArtefactError
        The ranking is damaged.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.example import example_workspace
    >>> from labeling.quality.scored_run import read_scored_run
    >>> with example_workspace().read() as connection:
    ...     run = read_scored_run(connection, "001-demo", "earmark")
    >>> len(run), run.probability.shape, run.calibration.is_guess("missing")
    (36, (36,), True)
    >>> run.next_yield(np.arange(20)).of
    20
    """
    scored_at = when_scored(connection, run_id, scorer)
    end = journal.position(connection) if position is None else position

    disputed = contested.version(connection)

    def read() -> ScoredRun:
        ranking = read_ranking(connection, run_id, scorer)
        cells = judged(ranking, counted(connection, end))
        fitted = calibration.fit_judged(cells, end)
        probability = fitted.probability(ranking)
        if disputed[0]:  # of two labels that contradict each other one is wrong
            places = ranking.place(contested.cells(connection))
            probability[places] = np.maximum(probability[places], contested.LIKELY_WRONG)
        probability.setflags(write=False)
        return ScoredRun(run_id, scorer, scored_at, end, ranking, cells, fitted, probability)

    return _runs.get((engine_key(connection), run_id, scorer, scored_at, end, disputed), read)
