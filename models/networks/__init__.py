"""Networks, the catalogue of them, and their checkpoints."""
