"""Odd and damaged input, and what holds of any."""
