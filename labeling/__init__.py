"""Labels, and everything that is known about them. Nothing here imports torch or streamlit."""
