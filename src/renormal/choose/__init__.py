"""Settings of the projection, chosen on planted defects without a label."""
