"""The screens: thin. Each reads state, calls the core, draws."""
