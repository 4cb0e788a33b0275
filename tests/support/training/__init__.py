"""Small trainings, networks and runs."""
