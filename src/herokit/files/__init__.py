"""Rollout files: read them into batches of complete groups, and write the results."""
