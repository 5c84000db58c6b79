"""The fast route: gradients in closed form; only the rows that a batch uses are read and written."""
