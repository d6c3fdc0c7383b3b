"""Die deutschen Texte."""

from flowers_tfx.texts.german import decisions, findings, glossary, limits, page, properties, summary

SCALE = properties.SCALE
TEXTS = {
    **properties.TEXTS,
    **findings.TEXTS,
    **summary.TEXTS,
    **limits.TEXTS,
    **decisions.TEXTS,
    **page.TEXTS,
    **glossary.TEXTS,
}
