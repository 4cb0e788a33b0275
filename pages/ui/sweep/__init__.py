"""The Sweep page beside a class: the wall of a search, of what was chosen on the map, of what to label next."""
