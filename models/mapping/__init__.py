"""Maps of spaces: UMAP and clusters, as a job."""
