"""Data: where training and measurement take their frames from. So far, strips: films decoded once, then read at random."""
