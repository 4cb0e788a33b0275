"""The cells to listen to: filtered, ordered, decided in batches, and why each is one."""
