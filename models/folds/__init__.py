"""Which clip is in which fold, and the task that is made of the labels."""
