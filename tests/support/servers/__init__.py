"""Servers that hold files: a real S3 server, one of HTTP, and a proxy before either that makes faults."""
