"""Where things are kept: the database and its tables, arrays, files that are whole or not there."""
