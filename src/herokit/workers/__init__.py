"""Pools of worker processes that are killed at their time limit and replaced."""
