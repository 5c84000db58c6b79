"""What people look at: a map of the catalogue, what leaning to the rare does, and what the model lists to whom."""
