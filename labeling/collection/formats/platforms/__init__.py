"""What platforms for annotation and archives of recordings give out: JSON, databases, tables of observations."""
