"""Small workspaces: clips, decisions, runs whose predictions are made up."""
