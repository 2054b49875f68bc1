"""What wandb and TensorBoard show of a job."""
