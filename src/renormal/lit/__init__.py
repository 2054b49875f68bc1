"""Lightning around the models and the projection: loss and log, data, and the descent at test time."""
