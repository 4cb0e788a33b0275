"""Runs, spaces and exports on a store that several machines share: S3, by its URL, with copies on each machine."""
