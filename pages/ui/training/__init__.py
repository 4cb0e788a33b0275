"""Trainings and their runs: the recipe as a form, stages, combinations, priors, and what retraining brought."""
