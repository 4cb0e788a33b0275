"""Whether a retraining on corrected labels helped, compared in pairs."""
