"""Runs compared with each other: what differs between them, how good their models are on the same photos, and sweeps over settings."""
