"""A linear head on a frozen space: another way to train a run, within minutes on a CPU."""
