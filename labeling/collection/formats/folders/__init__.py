"""Collections that are folders of sound files, without a table: the name of a folder is the label, or there is none."""
