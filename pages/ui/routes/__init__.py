"""What the server answers beside the pages: JSON of clips and snippets, tiles, sound."""
