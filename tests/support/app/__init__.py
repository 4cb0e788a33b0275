"""Pages and routes, asked in this process."""
