"""The map: all stretches of a space in two dimensions, what lies where on it, and what a part of it holds."""
