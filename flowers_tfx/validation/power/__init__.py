"""What a review could not have seen: the smallest change of each kind that its tests would have found 9 times out of 10."""

from flowers_tfx.validation.power.smallest_effects import smallest_effects

__all__ = ["smallest_effects"]
