"""A finished job on new photographs."""
