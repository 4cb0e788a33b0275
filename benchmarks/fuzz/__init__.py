"""Damaged and odd input without end: what must hold of any, and the file that breaks it."""
