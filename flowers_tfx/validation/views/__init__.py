"""The views of a review: each tests one question on all photos together, baseline and new."""
