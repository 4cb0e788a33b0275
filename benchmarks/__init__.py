"""What is promised of speed and of quality, measured: ``python -m benchmarks.NAME --help``, such as ``speed.queue``."""
