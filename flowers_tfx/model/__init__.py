"""The model: pictures as the network sees them, the network, and how it is trained. Nothing in here imports TFX."""
