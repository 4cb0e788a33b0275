"""How far reviewers agree, how often each errs, and the cells on which they do not agree."""
