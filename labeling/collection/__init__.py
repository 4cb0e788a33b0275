"""What came in: clips, classes and imported labels, and the formats that they are read from."""
