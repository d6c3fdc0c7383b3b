"""Was die Wörter des Berichts bedeuten."""

TEXTS = {
    "glossary.drift": "Drift",
    "glossary.drift.text": "Die neuen Fotos unterscheiden sich von denen, mit denen das Modell trainiert wurde: Sie sind dunkler, "
    "kleiner, zeigen andere Blumen oder sind nach anderen Regeln beschriftet. Ein Modell kann dabei unbemerkt schlechter werden.",
    "glossary.baseline": "Vergleichsfotos",
    "glossary.baseline.text": "Die Fotos, mit denen die neuen verglichen werden: die Trainingsfotos des Modells im Einsatz oder die "
    "einer früheren Lieferung.",
    "glossary.span": "Lieferung",
    "glossary.span.text": "Fotos, die zusammen aufgenommen wurden (span), mit einer Nummer.",
    "glossary.finding": "Befund",
    "glossary.finding.text": "Ein Unterschied oder Mangel der neuen Fotos, mit einem Effekt und einer Stufe.",
    "glossary.levels": "Hinweis, Warnung, Fehler",
    "glossary.levels.text": "Die Stufen der Befunde. Ein Hinweis informiert. Eine Warnung verdient Aufmerksamkeit und sperrt nichts. "
    "Ein Fehler sperrt das Training, bis jemand entscheidet.",
    "glossary.p": "p",
    "glossary.p.text": "Wie oft der Zufall allein bei Fotos ohne Drift ein mindestens so starkes Ergebnis liefert, korrigiert für die "
    "Zahl der Tests einer Prüfung.",
    "glossary.effect": "Effekt",
    "glossary.effect.text": "Die Größe eines Unterschieds. Der p-Wert sagt, ob ein Unterschied echt ist; der Effekt sagt, ob er "
    "wichtig ist, und bestimmt die Stufe.",
    "glossary.points": "Punkte",
    "glossary.points.text": "Prozentpunkte der Fotos: von 20 % auf 35 % sind 15 Punkte. Bei allen Eigenschaften zusammen und beim "
    "Bildinhalt: wie viele von 100 Fotos ein Klassifikator besser als ein Münzwurf in neu und alt sortiert.",
    "glossary.threshold": "Schwelle",
    "glossary.threshold.text": "Der kleinste Effekt der Stufe eines Befunds; bei einem Hinweis und ohne Befund der einer Warnung. Bei "
    "Zählungen muss das untere Ende des 95-%-Intervalls ihres Anteils sie erreichen.",
    "glossary.missed": "Wäre nicht aufgefallen",
    "glossary.missed.text": "Eine kleinere Änderung wäre mit so vielen Fotos nicht in 9 von 10 Fällen gefunden worden.",
    "glossary.group": "Gruppe von Fotos",
    "glossary.group.text": "Neue Fotos, ohne die die übrigen wie die Vergleichsfotos sind.",
    "glossary.tfdv": "TFDV-Abstand",
    "glossary.tfdv.text": "Die Abstände von TensorFlow Data Validation: bei Zahlen die Jensen-Shannon-Divergenz von 0 (gleich) bis 1 "
    "(keine Überschneidung), bei Kategorien der größte Unterschied eines Anteils.",
    "glossary.embedding": "Embedding",
    "glossary.embedding.text": "Ein Vektor von Zahlen, den ein neuronales Netz aus einem Foto berechnet. Fotos ähnlicher Dinge haben "
    "ähnliche Vektoren.",
    "glossary.copy": "Fast gleiches Foto",
    "glossary.copy.text": "Ein Foto, das wie ein anderes aussieht, obwohl seine Datei anders ist: neu gespeichert oder verkleinert.",
}
