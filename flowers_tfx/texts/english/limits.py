"""What a review could not have seen, and how often reviews are wrong."""

TEXTS = {
    "power.found": "Could have missed: {changes:list}. Larger changes are found 9 times out of 10.",
    "power.from": "{feature:title} under {effect:number} points",
    "power.others": "other properties under {low:number} to {high:number} points",
    "power.unseen": "Could have missed a change of any size: {names:list}.",
    "sequence.promise": "At most one false alarm is expected in {weeks:number} {weeks:plural:week|weeks} of reviews.",
    "sequence.level": "This review may alarm at p = {level:number} or less.",
    "sequence.no_level": "This review came so soon after the last ones that it may not alarm.",
}
