"""Parts of the learner: its optimizer, its losses, and where a model starts."""
