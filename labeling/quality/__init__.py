"""How likely a label is wrong, how many are, and when to stop: learned from decisions."""
