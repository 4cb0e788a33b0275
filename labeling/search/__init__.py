"""More like this: stretches of a space that sound like some examples, in an order that learns from each verdict."""
