"""Worlds: scenes rendered with known ground truth, and the judges that read the truth back from pixels."""
