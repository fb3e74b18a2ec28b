"""Training: the parts of the learner, where a model starts, and a recipe fitted in one call."""
