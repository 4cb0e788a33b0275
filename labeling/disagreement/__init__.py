"""Evidence of each cell, label quality of it by many scorers, and the ranking of suspects."""
