"""The simulator: one seed, one whole run, every step checked."""
