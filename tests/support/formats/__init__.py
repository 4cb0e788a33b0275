"""Labels and files for the formats of collections."""
