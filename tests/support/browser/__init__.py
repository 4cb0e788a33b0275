"""The app and the player in a real Chromium."""
