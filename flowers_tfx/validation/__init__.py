"""Is the new data like the baseline's? Tests on per-photo values, findings with levels, and the review that they add up to."""

from flowers_tfx.validation.comparison import compare, inspect
from flowers_tfx.validation.findings.counted_findings import Delivery
from flowers_tfx.validation.policy import Policy
from flowers_tfx.validation.review import Finding, Review

__all__ = ["Delivery", "Finding", "Policy", "Review", "compare", "inspect"]
