"""What several test modules share: stub sources, tables of cases, files of rollouts, tiny models."""
