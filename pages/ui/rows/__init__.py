"""The queue's rows: a component of scripts, and the route that gives it more of them."""
