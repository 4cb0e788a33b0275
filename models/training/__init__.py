"""From a recipe and a label version to a finished run."""
