"""Many jobs: what runs, where, and what became of each."""
