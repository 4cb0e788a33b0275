"""Spaces: one frozen model's vectors of all stretches of a workspace. No torch here."""
