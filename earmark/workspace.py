"""A workspace in a notebook: suspects, decisions, labels, trainings, each in one line."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.arrays import OwnModel
from earmark.audit import random_looks, remaining
from earmark.similar import Searching
from earmark.suspects import Suspects, cells_of
from earmark.tables import frozen_by, keep_table, label_table, verdict_table
from labeling import journal
from labeling.collection import allowed, store
from labeling.errors import DataError
from labeling.records import Decision, is_machine
from labeling.registry import unknown_name
from labeling.storage.text import user_name
from labeling.workspace import Workspace as Store
from labeling.workspace import open_workspace

if TYPE_CHECKING:
    import pandas as pd

    from earmark.cell import Cell
    from labeling.collection.report import ImportReport
    from labeling.journal.exporting import ExportReport
    from labeling.records import Run

VERDICTS = ("present", "absent", "unsure")


def open(path: str | Path) -> Workspace:
    """Open a workspace that is there.

    Examples
    --------
    >>> import earmark
    >>> from labeling.example import example_workspace
    >>> w = earmark.open(example_workspace().root)
    >>> w
    Workspace('workspace': 12 clips, 3 classes, 1 run)
    """
    return Workspace(open_workspace(path))


def create(
    path: str | Path,
    from_: str | Path | pd.DataFrame | None = None,
    *,
    audio: str | None = None,
    format: str | None = None,
    **options: Any,
) -> Workspace:
    """Make a workspace, or open the one that is there, and import a collection into it.

    Parameters
    ----------
    path : str or Path
        The workspace's folder.
    from_ : str, Path or DataFrame, optional
        A collection's folder or table, see ``earmark formats``; or a table in memory with a column of file names and
        one of labels.
    audio : str, optional
        Folder or URL of the sound, where it is not beside the table.
    format : str, optional
        A format's name; found out by itself.
    **options
        The format's own settings, such as ``label_column``.

    Returns
    -------
    Workspace

    Examples
    --------
    >>> import tempfile
    >>> import earmark
    >>> from labeling.example import example_collection
    >>> earmark.create(tempfile.mkdtemp() + "/birds", from_=example_collection())
    Workspace('birds': 12 clips, 3 classes, 0 runs)
    """
    made = Workspace(open_workspace(path, create=True))
    if from_ is not None:
        made.import_(from_, audio=audio, format=format, **options)
    return made


class Workspace(Searching, OwnModel):
    """A collection, its labels, the decisions on them and its runs; made by `open` and `create`."""

    def __init__(self, workspace: Store) -> None:
        self.store = workspace

    @property
    def path(self) -> Path:
        """Its folder."""
        return self.store.root

    def __repr__(self) -> str:
        from labeling import runs

        with self.store.read() as connection:
            counts = store.collection_counts(connection)
            done = sum(run.status == "done" for run in runs.all_runs(connection))
        plural = "" if done == 1 else "s"
        held = f"{counts['clips']:,} clips, {counts['classes']:,} classes, {done} run{plural}"
        return f"Workspace({self.path.name!r}: {held})"

    def close(self) -> None:
        """Let the database go."""
        self.store.close()

    # ------------------------------------------------------------------------------------------- in and out

    def import_(
        self,
        source: str | Path | pd.DataFrame,
        *,
        audio: str | None = None,
        format: str | None = None,
        **options: Any,
    ) -> ImportReport:
        """Read a collection into the workspace; what is there already is found again. See `create`.

        Returns a report: ``print(report.text())``. Raises FormatError for what cannot be read.
        """
        from labeling.collection.importing import import_collection

        if not isinstance(source, str | Path):
            source, audio = keep_table(self.store, source), audio or str(Path.cwd())
        return import_collection(self.store, source, audio=audio, format=format, options=options)

    def export(
        self,
        folder: str | Path,
        format: str | Sequence[str] = (),
        *,
        version: int | None = None,
        rule: str = "latest",
        **options: Any,
    ) -> ExportReport:
        """Write the labels as they came in, or in other formats: ``w.export("out", format="raven")``.

        ``rule`` says what counts where several people decided, as for `labels`; a ``version`` has its own. ``options``
        are those that a format takes, such as ``files="copy"``.

        Returns a report: ``report.files``, ``report.lines()``.
        """
        from labeling.journal.exporting import export_labels

        version = frozen_by(self.store, version, rule)
        return export_labels(
            self.store, Path(folder), format=format, version=version, exported_by=user_name(), options=options
        )

    def labels(self, version: int | None = None, *, rule: str = "latest") -> pd.DataFrame:
        """All labels, now or in a version.

        ``rule`` says what counts where several people decided (``latest``, ``any``, ``majority``, ``weighted``,
        ``adjudicated``); a version has its own.

        Returns
        -------
        DataFrame
            A row for each class that is there, or of which somebody was unsure, or that somebody found absent:
            ``filename``, ``class``, ``state`` (``present``, ``unsure``, ``absent``), ``primary``, ``reviewed``.

        Examples
        --------
        >>> import earmark
        >>> from labeling.example import example_workspace
        >>> w = earmark.open(example_workspace().root)
        >>> w.labels().iloc[2][["filename", "class", "state"]].tolist()
        ['amecro/2.wav', 'balori', 'present']
        """
        return label_table(self.store, version, rule)

    # ------------------------------------------------------------------------------------------- suspects and verdicts

    def suspects(
        self,
        kind: str | Sequence[str] = (),
        *,
        classes: str | Sequence[str] = (),
        status: str = "open",
        order: str = "likely",
        limit: int | None = 1000,
        run: str = "",
        scorer: str = "",
    ) -> Suspects:
        """The cells (clip, class) whose label a run doubts.

        Parameters
        ----------
        kind : {"missing", "false", "swapped"} or several, by default all
        classes : str or sequence of str, by default all
        status : {"open", "decided", "all"}
        order : str
            As on the page Queue: ``likely``, ``worth``, ``uncertain``, ``next``, ``audit``, ...
        limit : int or None
            How many at most.
        run, scorer : str
            By default the newest run, and the default scorer.

        Returns
        -------
        Suspects

        Examples
        --------
        >>> import earmark
        >>> from labeling.example import example_workspace
        >>> w = earmark.open(example_workspace().root)
        >>> w.suspects(limit=2).to_pandas()[["filename", "class", "kind"]].values.tolist()
        [['amecro/3.wav', 'cangoo', 'missing'], ['balori/2.wav', 'cangoo', 'false']]
        """
        from earmark.scored import scored_run
        from labeling.active.teaching import in_turn
        from labeling.suspects import queue
        from labeling.suspects.filter import QueueFilter

        wanted = QueueFilter(kinds=_several(kind), classes=_several(classes), status=status, order=order)
        with self.store.read() as connection:
            scored = in_turn(self.store, connection, scored_run(connection, run, scorer), wanted)
            return Suspects(queue.rows(connection, scored, wanted, limit=limit), scored.scorer)

    def decide(
        self, cells: pd.DataFrame | pd.Series[Any] | Iterable[tuple[str, str]], verdict: str, *, reviewer: str = ""
    ) -> int:
        """Decide on cells, as one batch that can be taken back whole (`undo`).

        Parameters
        ----------
        cells : DataFrame, a row of one, or pairs (filename, class)
            Of a frame the columns ``filename`` and ``class`` count, and where it is of suspects what was shown of them.
        verdict : {"present", "absent", "unsure"}
            Whether the class is there.
        reviewer : str
            Who decides; by default the user of this computer.

        Returns
        -------
        int
            How many decisions were stored.

        Raises
        ------
        DataError
            An unknown clip, class or verdict; nothing is stored then.

        Examples
        --------
        >>> import earmark
        >>> from labeling.example import example_workspace
        >>> w = earmark.open(example_workspace().root)
        >>> w.decide(w.suspects(kind="missing").to_pandas().head(1), "present", reviewer="me")
        1
        >>> w.undo("me")
        1
        """
        if verdict not in VERDICTS:
            raise DataError(unknown_name("verdict", verdict, list(VERDICTS)))
        reviewer = (reviewer or user_name()).strip()
        if is_machine(reviewer):
            raise DataError(f"reviewer {reviewer!r} is a machine's name; give a person's")
        batch_id = journal.new_event_id()
        with self.store.read() as connection:
            ids = store.clip_ids_by_filename(connection)
        decisions = []
        for filename, code, shown, run_id in cells_of(cells):
            if filename not in ids:
                raise DataError(unknown_name("clip", filename, sorted(ids)))
            decisions.append(
                Decision(
                    journal.new_event_id(), reviewer, ids[filename], code, verdict,
                    run_id=run_id, shown=shown, batch_id=batch_id,
                )
            )  # fmt: skip
        return len(journal.append(self.store, decisions))

    def undo(self, reviewer: str = "") -> int:
        """Take back the reviewer's newest batch; returns how many decisions that were."""
        reviewer = (reviewer or user_name()).strip()
        with self.store.read() as connection:
            newest = journal.last_undoable(connection, reviewer)
        return len(journal.undo_all(self.store, newest, reviewer, journal.new_event_id())) if newest else 0

    def verdicts(self) -> pd.DataFrame:
        """Every decision that stands, oldest first: ``filename``, ``class``, ``verdict``, ``reviewer``, ``created_at``,
        ``onset_s``, ``offset_s``, ``note``."""
        return verdict_table(self.store)

    def random_looks(self, count: int = 20, *, reviewer: str = "") -> pd.DataFrame:
        """Cells that chance picks, for an audit: listen to each with `show`, and `decide` on it, whatever it says.

        What was decided so bounds how many wrong labels are left (`remaining`); other decisions do not, as they are on
        cells that looked wrong. Columns ``filename`` and ``class``; labels and scores are left out on purpose.
        """
        return random_looks(self.store, count, (reviewer or user_name()).strip())

    def remaining(self) -> pd.DataFrame:
        """How many wrong labels are left among the cells that nobody decided.

        A row for ``false`` labels, ``missing`` ones and ``all``: ``expected``, ``at_most`` (with 95 % certainty,
        whenever one stops), ``among`` so many cells, after so many ``audited`` ones, and a ``sentence``.
        """
        return remaining(self.store)

    def show(self, cell: Any, class_: str = "") -> Cell:
        """A clip in a notebook: its picture, the model's frames of a class, and its sound.

        ``cell`` is a row of suspects, or a clip's name with ``class_``.
        """
        from earmark.cell import Cell

        if isinstance(cell, str):
            return Cell.of(self.store, cell, class_)
        code, run_id = class_ or str(cell.get("class", "")), str(cell.get("run", ""))
        return Cell.of(self.store, str(cell["filename"]), code, run_id)

    # ------------------------------------------------------------------------------------------- models

    def train(self, recipe: str = "linear", *, folds: int | None = None, device: str = "auto", **settings: Any) -> Run:
        """Train K folds on the labels as they are now, and rank the suspects, with a bar of progress.

        Parameters
        ----------
        recipe : str
            See ``earmark recipes``. ``linear`` needs minutes on a CPU.
        folds : int, optional
        device : str
            ``auto``, ``cpu``, ``cuda``.
        **settings
            Changes to the recipe, with ``__`` for the point: ``train__epochs=5``.

        Returns
        -------
        Run
            Finished; its ``metrics`` are the numbers of the page Runs.

        Raises
        ------
        ConfigError, DataError
            It cannot be trained, said before any sound is read.
        """
        from earmark.training import train

        changes = [f"{name.replace('__', '.')}={value}" for name, value in settings.items()]
        return train(self.store, recipe, changes, folds=folds, device=device)

    # ------------------------------------------------------------------------------------------- the app

    def open_app(self, port: int = 8501, *, wait: bool = False) -> subprocess.Popen[bytes]:
        """Start the app on this workspace; ``terminate()`` on what is returned stops it."""
        from earmark.app import start

        process = start(self.path, port=port, allow=allowed.named_folders())
        if wait:
            process.wait()
        return process


def _several(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) and names else tuple(names)
