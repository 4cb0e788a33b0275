"""All that a reviewer needs of one clip, second looks, and what the next hour finds."""
