"""Generative families, one a file: model, objective, trainer, read from top to bottom."""
