"""Solids: a world of lit 3-D solids on a tiled floor, seen by a camera that may move, and its judge."""
