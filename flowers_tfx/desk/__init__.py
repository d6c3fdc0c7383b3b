"""The web desk of reviewers: what waits for a decision, the reports, and the decisions. A process of its own, without TensorFlow."""
