"""Helpers of the tests; nothing here is a test."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The project's root."""
