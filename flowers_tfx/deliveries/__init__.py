"""New photos become runs, unattended: which files are a delivery, when one starts, what became of it."""
