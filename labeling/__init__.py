"""Labels, and everything that is known about them.

The loop, and the files that hold each step::

    import           formats/, importing.py           a folder of clips and a table -> the workspace
    train K folds    ../models/                       labels at a version -> out-of-fold predictions
    predictions      predictions.py, curves.py        clipwise and framewise probabilities; several runs of one clip
    disagreement     disagreement.py, ranking.py      (labels, predictions) -> label quality of each cell, ranked
    suspects         suspects.py, queue_filter.py     the cells to listen to, best first; bulk.py, snippets.py
    listen, look     audio.py, tiles.py, review.py    any window of any file; all that a reviewer needs of one clip
    decide           journal.py, boxes.py             one append-only entry a decision; folding.py makes labels of them
    freeze           versions.py                      imported labels + decisions up to here = a version
    export           exporting.py, formats/           corrected labels, in the columns that came in

Beside the loop stand the reviewer (marks.py, preferences.py, saved_views.py, second_looks.py, progress.py,
companions.py) and what all share (records.py, errors.py, registry.py, workspace.py, tables.py, database.py, store.py).
Nothing here imports torch or streamlit.
"""
