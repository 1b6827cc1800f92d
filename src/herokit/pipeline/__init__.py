"""Scoring whole files: batches, checkpoints, summaries."""
