"""Labels, and everything that is known about them.

The loop, and the files that hold each step::

    import           formats/, importing.py           a folder of clips and a table -> the workspace
    train K folds    ../models/                       labels at a version -> out-of-fold predictions
    predictions      predictions.py, curves.py        clipwise and framewise probabilities; several runs of one clip
    evidence         evidence.py, gathering.py        labels, predictions, and what training, neighbours, other runs
                                                      and priors say of each cell, in the rows of one run
    disagreement     disagreement.py, ranking.py      evidence -> label quality of each cell, ranked
    score            scoring.py, stored_ranking.py    a run of a workspace scored, and its ranking kept
    suspects         suspects.py, queue_filter.py     the cells to listen to, best first; bulk.py, snippets.py
    listen, look     audio.py, tiles.py, review.py    any window of any file; all that a reviewer needs of one clip
    decide           journal.py, boxes.py             one append-only entry a decision; folding.py makes labels of them
    freeze           versions.py                      imported labels + decisions up to here = a version
    export           exporting.py, formats/           corrected labels, in the columns that came in

What the evidence is made of: noise_model.py (which labels are wrong, and how often), several_runs.py, neighbours.py,
training_dynamics.py, priors.py; run_evidence.py is what a run keeps for it, out_of_fold.py whose predictions count.

What is learned from decisions: verdicts.py (which of them teach), calibration.py and calibration_fit.py (how likely a
label is wrong), audit.py with audit_order.py, audit_journal.py, audit_bounds.py and noise_rates.py (random looks: how
many labels are wrong, and when to stop), hour_yield.py (what the next hour finds), intervals.py. What orders the queue:
queue_order.py, worth.py, variety.py, frequency.py; why.py says why a suspect is one, error_distribution.py how sure.

What shows whether it helps: replay.py with replay_reviewer.py, replay_training.py, replay_curves.py and replay_files.py
(a simulated review against a known truth.py, on a copy, scratch.py); gain.py with gain_words.py, corrections.py,
paired.py and run_differences.py (a retraining, compared in pairs); metrics.py. Near-copies: leaks.py, landmarks.py,
outings.py. Predictions from elsewhere: foreign_predictions.py and foreign/, a reader a format. Runs: runs.py,
runfiles.py. Machines that label: machine_labels.py. Collections to try: demo.py, birdsong.py.

Beside the loop stand the reviewer (marks.py, preferences.py, saved_views.py, second_looks.py, progress.py,
companions.py, overview.py, people_entries.py, spectrogram.py), the command line (commandline.py, commands/), and what
all share (records.py, errors.py, registry.py, workspace.py, tables.py, event_tables.py, csvsafe.py, database.py,
migrations/, store.py, files.py, text.py, zarrfolder.py). Nothing here imports torch or streamlit.
"""
