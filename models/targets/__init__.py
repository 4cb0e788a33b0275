"""Labels as the model sees them: the rules of a recipe, and the teacher whose predictions they may read."""
