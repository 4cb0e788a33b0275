"""What all tests of pages and routes stand on: a server as .streamlit/config.toml has it."""

from tests.support.app.pages import listen_here

listen_here()
