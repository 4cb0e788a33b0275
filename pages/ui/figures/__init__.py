"""Plotly figures, which hold the numbers that they are given."""
