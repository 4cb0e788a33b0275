"""The browser's scripts: node, their types, what their tests give them."""
