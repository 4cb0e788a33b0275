"""The light pages: the queue, and a clip by its link, with nothing of Streamlit, there in a third of the time."""
