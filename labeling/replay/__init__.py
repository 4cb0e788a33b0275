"""A simulated review against a known truth, on a copy of the workspace."""
