"""Rollout files: reading them into samples, scoring them, writing results, counting what happened."""
