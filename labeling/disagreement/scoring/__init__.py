"""The scoring of a run: at once where its cells fit into memory, else a block of clips at a time."""

from labeling.disagreement.scoring.run import assembled_evidence, score_run

__all__ = ["assembled_evidence", "score_run"]
