"""Several runs into one, and how good a run is."""
