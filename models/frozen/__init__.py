"""Frozen models: trained elsewhere, not changed here, and asked for a vector of each stretch. One file a model.

Importing this package loads no torch.
"""
