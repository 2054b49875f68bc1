"""Use a finished job on new photographs."""
