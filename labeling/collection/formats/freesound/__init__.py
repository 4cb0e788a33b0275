"""Sets made of Freesound and AudioSet that are more than one table: mids, parents of classes, ratings, two tables."""
