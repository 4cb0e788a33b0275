"""The command line of the labels: one file a group of commands. Parsing loads nothing heavy."""
