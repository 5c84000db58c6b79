"""Weights between items in closed form or by a convex problem for each item: pure functions of who met what."""
