"""Any window of any file, as samples, as a spectrogram, as tiles of a picture."""
