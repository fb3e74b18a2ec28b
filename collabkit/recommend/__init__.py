"""From a trained model to lists of films."""
