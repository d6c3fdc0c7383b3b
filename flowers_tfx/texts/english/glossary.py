"""What the words of the report mean."""

ORDER = (
    "drift",
    "baseline",
    "span",
    "finding",
    "levels",
    "p",
    "effect",
    "points",
    "threshold",
    "missed",
    "group",
    "tfdv",
    "embedding",
    "copy",
)
TEXTS = {
    "glossary.drift": "Drift",
    "glossary.drift.text": "The new photos differ from those that the model was trained on: they are darker, smaller, show other "
    "flowers, or are labelled by other rules. A model can be worse on such photos without anybody noticing.",
    "glossary.baseline": "Baseline",
    "glossary.baseline.text": "The photos that the new ones are compared with: the training photos of the serving model, or those of "
    "an earlier span.",
    "glossary.span": "Span",
    "glossary.span.text": "One delivery of photos, ingested together, with a number.",
    "glossary.finding": "Finding",
    "glossary.finding.text": "A difference or a fault in the new photos, with an effect and a level.",
    "glossary.levels": "Note, warning, error",
    "glossary.levels.text": "The levels of findings. A note is for information. A warning deserves attention and blocks nothing. An "
    "error blocks the training until a reviewer decides.",
    "glossary.p": "p",
    "glossary.p.text": "How often chance alone gives a result at least as strong in reviews of photos without drift, adjusted for the "
    "number of tests in a review.",
    "glossary.effect": "Effect",
    "glossary.effect.text": "The size of a difference. The p-value says whether a difference is real; the effect says whether it "
    "matters, and decides on the level.",
    "glossary.points": "Points",
    "glossary.points.text": "Percentage points of the photos: from 20 % to 35 % is 15 points. For all properties together and for the "
    "content: how many more of 100 photos than by tossing a coin a classifier sorts correctly into new and baseline.",
    "glossary.threshold": "Threshold",
    "glossary.threshold.text": "The smallest effect of the level of a finding; for a note and where there is no finding, that of a "
    "warning. For counts the lower end of the 95 % confidence interval of their share must reach it.",
    "glossary.missed": "Could have missed",
    "glossary.missed.text": "A smaller change would not have been found 9 times out of 10 with this number of photos.",
    "glossary.group": "Group of photos",
    "glossary.group.text": "New photos without which the others are like the baseline.",
    "glossary.tfdv": "TFDV distance",
    "glossary.tfdv.text": "The distances of TensorFlow Data Validation: the Jensen-Shannon divergence of numbers, from 0 (the same) to "
    "1 (no overlap), and the largest difference in the share of one category.",
    "glossary.embedding": "Embedding",
    "glossary.embedding.text": "A vector of numbers that a neural network computes from a photo. Photos of similar things have similar "
    "vectors.",
    "glossary.copy": "Near duplicate",
    "glossary.copy.text": "A photo that looks the same as another although its file differs: saved again, or made smaller.",
}
