"""Tables of which cells change while every other byte stays: text, Parquet, lists in cells, rows of one file."""
