"""flowers_tfx: an image-classification pipeline on TFX, from photos to a served model."""

import os

# tensorflow_transform sets TF_USE_LEGACY_KERAS=1 on import; what tf.keras is would then depend on import order.
os.environ["TF_USE_LEGACY_KERAS"] = "0"

__version__ = "0.1.0"
