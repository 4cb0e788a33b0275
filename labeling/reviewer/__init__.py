"""What one reviewer keeps: marks, preferences, saved views, and the pace of the work."""
