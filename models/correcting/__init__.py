"""The model's own corrections, stage by stage and round by round."""
