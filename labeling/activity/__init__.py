"""When and where a class is heard in long recordings, how often its scores are right, and a threshold."""
