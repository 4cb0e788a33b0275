"""Exports read by the other programs' own readers, of made labels and of real samples of every format."""
