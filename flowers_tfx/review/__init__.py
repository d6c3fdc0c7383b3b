"""The data review: choose the two sides, compare, pick photos, render the report, store it, and the decisions of reviewers.

Nothing in here imports TFX."""
