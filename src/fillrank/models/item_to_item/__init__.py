"""Item-to-item models: what a user has met says what else to list, by a matrix between items, or between users."""
