"""What reward models that run in this process share: batches, memory, progress, score monitoring, model families."""
