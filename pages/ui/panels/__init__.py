"""Parts of pages: forms, and what is said of runs."""
