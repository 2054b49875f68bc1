"""One job, from a resolved config to its record."""
