"""More like this, in a notebook: what of the collection sounds like some stretches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from labeling.workspace import Workspace as Store

if TYPE_CHECKING:
    import pandas as pd

Stretch = tuple[str, float, float]
"""A clip's name, and onset and offset in seconds from its start."""


class Searching:
    """What a workspace finds by sound."""

    store: Store

    def more_like(
        self,
        like: Stretch | Sequence[Stretch] = (),
        *,
        unlike: Sequence[Stretch] = (),
        class_: str = "",
        verified: bool = False,
        space: str = "",
        which: str = "missing",
        among: str = "all",
        order: str = "alike",
        limit: int = 100,
    ) -> pd.DataFrame:
        """The stretches that sound like some, in an order that learns from what was decided of a class.

        Parameters
        ----------
        like : (filename, onset_s, offset_s) or several
            Examples, in seconds from the clip's start.
        unlike : sequence of (filename, onset_s, offset_s)
            Counter-examples.
        class_ : str
            Of which the verdicts are: what is decided of it is left out, and is learned from.
        verified : bool
            The verified stretches of the class are examples too.
        space : str
            Which space is searched; by default the only one, or the first by name.
        which : {"missing", "false", "all"}
            Clips that do not list the class, that do, or all.
        among : {"all", "labelled", "recordings"}
        order : {"alike", "likely", "uncertain", "varied", "random"}
        limit : int
            At most 1,000.

        Returns
        -------
        DataFrame
            A row each: ``filename``, ``class``, ``onset_s``, ``offset_s``, ``similarity`` (cosine with the nearest
            example), ``likely`` (None while too few verdicts say). `decide` takes it.

        Raises
        ------
        DataError
            No example, one that the space does not hold, or a class, a clip or a space that there is not.

        Examples
        --------
        >>> import earmark
        >>> import numpy as np
        >>> from labeling.example import example_workspace
        >>> w = earmark.open(example_workspace().root)
        >>> names = sorted(set(w.labels()["filename"]))[:6]
        >>> report = w.add_embeddings(np.eye(3)[[0, 1, 2, 0, 1, 2]], filenames=names, onset_s=np.zeros(6),
        ...                           offset_s=np.ones(6), name="mine")
        >>> found = w.more_like((names[0], 0.0, 1.0), space="mine")
        >>> found["filename"].tolist()[0] == names[3], float(found["similarity"][0])
        (True, 1.0)
        """
        import pandas as pd

        from labeling.search.finding import more_like
        from labeling.search.naming import query_named

        examples = [like] if isinstance(like, tuple) and len(like) == 3 and isinstance(like[0], str) else like
        with self.store.read() as connection:
            query = query_named(
                self.store, connection, examples, unlike, class_code=class_, verified=verified, space=space,
                which=which, among=among, order=order,
            )  # fmt: skip
            answer = more_like(self.store, connection, query.query, limit)
        return pd.DataFrame(
            {
                "filename": [query.names[one.clip_id] for one in answer.found],
                "class": class_,
                "onset_s": [one.onset_s for one in answer.found],
                "offset_s": [one.offset_s for one in answer.found],
                "similarity": [one.similarity for one in answer.found],
                "likely": [one.likely for one in answer.found],
            }
        )
