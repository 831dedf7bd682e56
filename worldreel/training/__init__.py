"""Training: one loop over a task. The autoencoder is one task, the transformer another."""
