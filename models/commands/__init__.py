"""The command line of the models: one file a group of commands. Parsing loads no torch."""
