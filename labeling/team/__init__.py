"""Who works on what: clips handed out for a while, and parts of the collection assigned to people."""
