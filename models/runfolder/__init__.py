"""The folder of a run while it is trained: files of each fold, provenance, progress, who works on it."""
