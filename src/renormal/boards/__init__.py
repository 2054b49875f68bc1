"""wandb and TensorBoard: what they are shown of a job."""
