"""What other libraries train from: labels and sound are written for them, and never read from there."""
