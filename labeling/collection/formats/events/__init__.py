"""Formats with a file of events a recording, or one for many: Raven, Audacity, Praat, AviaNZ, Kaleidoscope, APLOSE."""
