"""The wall of snippets: a component of scripts."""
