"""Clipwise and framewise predictions of any sound by trained networks, and what is made of them."""
