"""Score files of any length: run, checkpoint, summary."""
