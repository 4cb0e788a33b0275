"""Labels, and everything that is known about them.

The loop, and the file that holds each step::

    import           formats/, importing.py     a folder of clips and a table -> the workspace
    train K folds    ../models/                 labels at a version -> out-of-fold predictions
    predictions      predictions.py             clipwise and framewise probabilities of one run
    disagreement     disagreement.py            (labels, predictions) -> label quality of each cell
    suspects         suspects.py                the cells to listen to, best first
    listen, decide   journal.py                 one append-only entry a decision
    freeze           journal.py                 imported labels + decisions up to here = a version
    export           formats/                   corrected labels, in the columns that came in

Nothing here imports torch or streamlit.
"""
