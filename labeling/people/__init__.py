"""Who may come in, as what, and how that is known: accounts, roles, sign-ins, tokens for scripts."""
