"""Evaluation: what a model is worth in figures, each with its interval, its goal and what a trivial answer reaches."""
