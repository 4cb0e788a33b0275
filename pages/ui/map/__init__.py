"""The map of a space: a component of scripts that draws its points with WebGL, and the routes that it asks."""
