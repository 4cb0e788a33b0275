"""What the screens share: the player, the figures, the media routes, the session."""
