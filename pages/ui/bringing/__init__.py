"""A collection on its way in: where it is (form.py), what was found there (found.py), and the import (storing.py).

Nothing is stored before the last button.
"""
