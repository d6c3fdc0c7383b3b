"""Is the new data like the baseline's? Tests on per-photo values, findings with levels, and the review that they add up to."""

from flowers_tfx.validation.findings.counted_findings import Delivery
from flowers_tfx.validation.policy import Policy
from flowers_tfx.validation.review import Finding, Review
from flowers_tfx.validation.table_comparison import compare, inspect

__all__ = ["Delivery", "Finding", "Policy", "Review", "compare", "inspect"]
