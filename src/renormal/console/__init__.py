"""What a command writes: text that is safe to show, and its signals and output."""
