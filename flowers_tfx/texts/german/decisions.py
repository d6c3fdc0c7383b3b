"""Was entschieden werden kann und was entschieden wurde."""

TEXTS = {
    "decide.title": "Entscheiden",
    "decide.who": "Entschieden wird mit Namen und Begründung: am Prüfplatz (flowers desk), oder der Betrieb gibt den Befehl ein.",
    "decide.who_before": "Kein Lauf hat diese Fotos geprüft, also wird nichts eingetragen: Wer sie liefert, entscheidet.",
    "decide.served": "Über beantwortete Fotos wird nichts entschieden: Sie gehören zu keiner Lieferung. Um mit solchen Fotos zu "
    "trainieren, sind sie mit Klassen zu liefern.",
    "decide.commands": "Die Befehle",
    "decide.taken": "Bisher entschieden",
    "decide.accept": "Annehmen",
    "decide.exclude": "Fotos auslassen",
    "decide.reject": "Ablehnen",
    "decide.accept_blocked": "Die Fotos sind gut und sollen anders sein: Das Training geht mit allen weiter.",
    "decide.accept_warn": "Das Training geht mit allen weiter. Das tut es auch ohne Entscheidung: jetzt ansehen.",
    "decide.accept_open": "Nichts zu tun: Das Training geht mit allen weiter.",
    "decide.accept_before": "Liefern, wie sie sind.",
    "decide.exclude_group": "Diese {count:count} Fotos fallen aus jedem Fenster; die übrigen werden neu geprüft.",
    "decide.exclude_photos": "Einzelne Fotos fallen aus jedem Fenster, benannt durch ihre Digests in review.json; die übrigen werden "
    "neu geprüft.",
    "decide.exclude_before": "Ihre Zeilen aus der CSV-Datei nehmen und neu vergleichen.",
    "decide.reject_text": "Etwas ist schiefgegangen: Alle Fotos der Lieferung fallen aus jedem Fenster.",
    "decide.reject_before": "Nicht liefern.",
    "decision.accept": "{by} hat {findings:list} der Lieferung {span} angenommen (Daten {digest}): {reason} ({when})",
    "decision.reject": "{by} hat die Lieferung {span} abgelehnt (Daten {digest}): {reason} ({when})",
    "decision.exclude": "{by} hat {photos:count} {photos:plural:Foto|Fotos} der Lieferung {span} ausgelassen (Daten {digest}): "
    "{reason} ({when})",
    "decision.include": "{by} hat {photos:count} {photos:plural:Foto|Fotos} der Lieferung {span} wieder aufgenommen (Daten {digest}): "
    "{reason} ({when})",
    "decision.relabel": "{by} hat {photos:count} {photos:plural:Klasse|Klassen} der Lieferung {span} berichtigt (Daten {digest}): "
    "{reason} ({when})",
    "decision.other": "{by} hat über die Lieferung {span} entschieden (Daten {digest}): {reason} ({when})",
    "waiting": "Die Entscheidung von {names}, {what}, wartet auf {missing:count} weitere {missing:plural:Person|Personen}.",
    "waiting.and": " und ",
    "waiting.accept": "{subject} anzunehmen",
    "waiting.reject": "{subject} abzulehnen",
    "waiting.exclude": "{subject} auszulassen",
    "waiting.include": "{subject} wieder aufzunehmen",
    "waiting.relabel": "{subject} mit anderen Klassen zu versehen",
    "subject.findings": "{findings:list} der Lieferung {span}",
    "subject.photos": "{photos:count} {photos:plural:Foto|Fotos} der Lieferung {span}",
    "subject.span": "Lieferung {span}",
    "decision.nobody": "Jemand ohne Namen",
    "decision.no_reason": "ohne Begründung",
}
