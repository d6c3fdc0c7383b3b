"""From tests and counts to findings: which there are, how large their effects are, and what they say."""
