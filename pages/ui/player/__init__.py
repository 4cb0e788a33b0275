"""The clip player: a component of scripts, and what it tells the page."""
