"""The model: photos as the network sees them, the network, its training and its export. Nothing in here imports TFX."""
