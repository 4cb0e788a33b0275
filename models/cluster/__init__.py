"""Work for the machines of a Ray cluster: folds, recordings, clips to embed. Only this folder knows Ray."""
