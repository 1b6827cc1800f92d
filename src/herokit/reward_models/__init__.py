"""What reward models that run in this process share: batches, memory, progress, score monitoring, model families."""

__all__: list[str] = []
