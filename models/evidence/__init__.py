"""What a run keeps of its training for finding wrong labels: dynamics, embeddings, nearest clips."""
