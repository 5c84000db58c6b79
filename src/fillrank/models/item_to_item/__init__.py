"""Item-to-item models: they score items by a user's history and a matrix of weights between items (or users)."""
