"""What an admin watches: whether the app is ready, and its figures."""
