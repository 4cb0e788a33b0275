"""The log of this process, without secrets in it."""
