"""A workspace kept elsewhere: backups, their return, and the move from one database to another."""
