"""The light page: a clip by its link, with the player and nothing of Streamlit, there in a third of the time."""
