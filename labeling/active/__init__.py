"""What to label next for a model: a head on a space learns from every batch, and asks what teaches it most."""
