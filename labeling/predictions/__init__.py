"""What a run predicts of each clip out of fold, and what it keeps of its training."""
