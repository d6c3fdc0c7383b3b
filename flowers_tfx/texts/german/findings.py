"""Meldungen der Befunde."""

TEXTS = {
    # Verteilungen von Eigenschaften.
    "finding.median_above_all": "{feature:Title}: Median {old:number} -> {new:value:{feature}}, höher als bei jedem Vergleichsfoto.",
    "finding.median_below_all": "{feature:Title}: Median {old:number} -> {new:value:{feature}}, niedriger als bei jedem Vergleichsfoto.",
    "finding.median_above": "{feature:Title}: Median {old:number} -> {new:value:{feature}}, höher als bei {share:percent} der "
    "Vergleichsfotos.",
    "finding.median_below": "{feature:Title}: Median {old:number} -> {new:value:{feature}}, niedriger als bei {share:percent} der "
    "Vergleichsfotos.",
    "finding.wider": "{feature:Title}: gleicher Median, {new:value:{feature}}, breiter gestreut; mittlere 80 %: {low:number} bis "
    "{high:number}, vorher {old_low:number} bis {old_high:number}.",
    "finding.narrower": "{feature:Title}: gleicher Median, {new:value:{feature}}, enger gestreut; mittlere 80 %: {low:number} bis "
    "{high:number}, vorher {old_low:number} bis {old_high:number}.",
    "finding.reshaped": "{feature:Title}: Median, {new:value:{feature}}, und Streuung gleich, aber andere Werte.",
    "finding.growth_value": "Fotos mit {low:amount:{feature}}: {old:percent} -> {new:percent}.",
    "finding.growth_range": "Fotos mit {low:number} bis {high:amount:{feature}}: {old:percent} -> {new:percent}.",
    "finding.growth_from": "Fotos mit {low:amount:{feature}} oder mehr: {old:percent} -> {new:percent}.",
    "finding.growth_to": "Fotos mit {high:amount:{feature}} oder weniger: {old:percent} -> {new:percent}.",
    "finding.category": "{feature:Title} {word}: {old:percent} -> {new:percent} der Fotos.",
    "finding.grayscale": "Schwarz-weiß: {old:percent} -> {new:percent} der Fotos.",
    "finding.colour": "Farbig: {old:percent} -> {new:percent} der Fotos.",
    "finding.missing_value": "{feature:Title} fehlt: {old:percent} -> {new:percent} der Fotos.",
    "finding.tail_upper": "{feature:Title} ab {cut:value:{feature}}: {old:percent} -> {new:percent} der Fotos.",
    "finding.tail_lower": "{feature:Title} bis {cut:value:{feature}}: {old:percent} -> {new:percent} der Fotos.",
    "finding.outlying": "Fotos mit ungewöhnlicher Kombination von Eigenschaften: {old:percent} -> {new:percent}.",
    # Klassen und Bildinhalt.
    "finding.class_shares": "Anteile der Klassen: {changes:changes}. {effect:percent} der Fotos müssten eine andere Klasse haben, "
    "damit sie zum Vergleich passen.",
    "finding.new_class": "Die Klasse {name} ist neu: {share:percent} der neuen Fotos, kein Vergleichsfoto.",
    "finding.missing_class": "Die Klasse {name} fehlt: kein neues Foto, {share:percent} der Vergleichsfotos.",
    "finding.inconsistent_labels": "Klassen, die nicht zum Foto passen: {old:percent} -> {new:percent}. Einige sind vermutlich falsch.",
    "finding.joint": "Alle Eigenschaften zusammen: Ein Klassifikator erkennt in {right:percent} der Fälle, ob ein Foto neu ist "
    "(Zufall: 50 %).",
    "finding.content": "Bildinhalt: Ein Klassifikator erkennt in {right:percent} der Fälle, ob ein Foto neu ist (Zufall: 50 %).",
    "finding.omnibus": "Kein einzelnes Maß weicht deutlich ab, alle zusammen aber schon. Der größte Unterschied, {measure:title}: "
    "{effect:percent} der Fotos.",
    # Zählungen.
    "finding.rejected_lines": "Unlesbare Eingaben: {count:count} von {lines:count} Zeilen der Lieferung ergaben kein Foto.",
    "finding.conflicting_lines": "Widersprüchliche Klassen: {count:count} von {lines:count} Zeilen der Lieferung wurden ausgelassen, "
    "weil ihr Foto zwei Klassen hat.",
    "finding.repeated_lines": "Doppelte Zeilen: {count:count} von {lines:count} Zeilen der Lieferung wurden ausgelassen, weil ihr Foto "
    "zweimal vorkommt.",
    "finding.exact_copies_inside": "Exakte Kopien eines anderen neuen Fotos: {count:count} von {photos:count} neuen Fotos.",
    "finding.exact_copies_before": "Exakte Kopien eines früheren Fotos: {count:count} von {photos:count} neuen Fotos.",
    "finding.near_copies_inside": "Fast gleich wie ein anderes neues Foto: {count:count} von {photos:count} neuen Fotos.",
    "finding.near_copies_before": "Fast gleich wie ein früheres Foto: {count:count} von {photos:count} neuen Fotos.",
    "finding.exact_conflicts": "Widersprüchliche Klassen: {count:count} von {photos:count} neuen Fotos sind exakte Kopien eines Fotos mit "
    "einer anderen Klasse; eine der beiden ist falsch.",
    "finding.near_conflicts": "Widersprüchliche Klassen: {count:count} von {photos:count} neuen Fotos sind fast gleich wie ein Foto mit "
    "einer anderen Klasse; eine der beiden ist falsch.",
    # Das Modell im Einsatz auf den neuen Fotos.
    "finding.worse": "Das Modell erkennt {new:percent} von {photos:count} neuen Fotos richtig, von seinen eigenen {old_photos:count} "
    "Testfotos {old:percent}: {drop:number} Punkte weniger ({confidence:number}-%-Intervall: {least:number} bis {most:number}).",
    "finding.worse_class": "{name}: Das Modell erkennt {new:percent} von {photos:count} neuen Fotos richtig, von seinen eigenen "
    "{old_photos:count} Testfotos {old:percent}: {drop:number} Punkte weniger ({confidence:number}-%-Intervall: {least:number} bis "
    "{most:number}).",
    "finding.worse_estimated": "Das Modell erkennt vermutlich {new:percent} von {photos:count} neuen Fotos richtig (aus seinen "
    "Wahrscheinlichkeiten geschätzt: die Fotos haben keine Klasse), von seinen eigenen {old_photos:count} Testfotos {old:percent}: "
    "{drop:number} Punkte weniger ({confidence:number}-%-Intervall: {least:number} bis {most:number}).",
    "finding.harm_unmeasured": "Was die Änderung das Modell kostet, wurde nicht gemessen: {cause}.",
    # Tabellen.
    "sample.baseline": "Vergleichsfotos",
    "sample.new": "neue Fotos",
    "finding.repeated_column": "Tabelle ({sample:text}): Spalte {name} kommt mehrfach vor, nur die erste wurde verglichen.",
    "finding.empty_sample": "Tabelle ({sample:text}): kein Foto, es gibt nichts zu vergleichen.",
    "finding.few_photos": "Tabelle ({sample:text}): nur {photos:count} {photos:plural:Foto|Fotos}, nur sehr starke Unterschiede fallen "
    "auf.",
    "finding.missing_column": "Tabelle ({sample:text}): Spalte {name} fehlt.",
    "finding.without_labels": "Tabelle ({sample:text}): {count:count} von {photos:count} Fotos haben keine Klasse.",
    "finding.labels_not_compared": "Klassen wurden nicht verglichen: Die neuen Fotos haben keine.",
    "finding.unmeasured": "{feature:Title} wurde nicht verglichen: noch nicht gemessen in {where}. `flowers spans measure` misst es.",
    "finding.property_missing_in_one": "{feature:Title} wurde nicht verglichen: Tabelle ({sample:text}) ohne Spalte {feature}.",
    "finding.property_missing_in_both": "{feature:Title} wurde nicht verglichen: Beide Tabellen haben keine Spalte {feature}.",
    "finding.not_a_number": "Tabelle ({sample:text}): {feature:Title} ist bei {count:count} von {photos:count} Fotos keine Zahl.",
    "finding.all_missing": "Tabelle ({sample:text}): {feature:Title} fehlt bei allen Fotos und lässt sich nicht vergleichen.",
    "finding.some_missing": "Tabelle ({sample:text}): {feature:Title} fehlt bei {count:count} von {photos:count} Fotos.",
    "finding.unexpected_word": "Tabelle ({sample:text}): {feature:Title} ist bei {count:count} von {photos:count} Fotos keines von "
    "{expected:list}.",
    "finding.infinite": "Tabelle ({sample:text}): {feature:Title} ist bei {count:count} von {photos:count} Fotos unendlich.",
    "finding.too_high": "Tabelle ({sample:text}): {feature:Title} ist bei {count:count} von {photos:count} Fotos unendlich oder größer "
    "als {high:number}.",
    "finding.too_low": "Tabelle ({sample:text}): {feature:Title} ist bei {count:count} von {photos:count} Fotos unendlich oder kleiner "
    "als {low:number}.",
    "finding.out_of_range": "Tabelle ({sample:text}): {feature:Title} liegt bei {count:count} von {photos:count} Fotos nicht zwischen "
    "{low:number} und {high:number}.",
    "finding.unknown_column": "Spalte {name} wurde nicht verglichen: Sie steht nur in einer Tabelle ({sample:text}).",
    "finding.other_network": "Der Bildinhalt wurde nicht verglichen: Die Embeddings stammen aus verschiedenen Netzen (je "
    "Vergleichsfoto {old:count} Zahlen, je neuem Foto {new:count}).",
    "reason.none": "keine Embeddings",
    "reason.not_numbers": "Embeddings, die keine Zahlenlisten sind",
    "reason.lengths": "Embeddings verschiedener Länge",
    "reason.empty": "Embeddings ohne Zahlen",
    "finding.no_content_in_one": "Der Bildinhalt wurde nicht verglichen. Tabelle ({sample:text}): {reason:text}.",
    "finding.no_content": "Der Bildinhalt wurde nicht verglichen. Vergleichsfotos: {baseline:text}; neue Fotos: {new:text}.",
    "finding.own_features": "Der Bildinhalt wurde nicht verglichen: Version {version} berechnet Merkmale mit einem eigenen, "
    "nachtrainierten Netz, und die Vergleichsfotos haben Embeddings eines anderen.",
    "finding.few_embeddings_missing": "Die Embeddings von {count:count} von {photos:count} Fotos fehlen oder sind nicht endlich: Diese "
    "Fotos fehlen im Vergleich des Bildinhalts.",
    "finding.many_embeddings_missing": "Die Embeddings von {count:count} von {photos:count} Fotos fehlen oder sind nicht endlich: Der "
    "Bildinhalt wurde nicht verglichen.",
    # Schemas und das Modell im Einsatz.
    "finding.above_level": "Nur ein Hinweis: p liegt nicht unter {level:number}, dem Anteil dieser Prüfung an der Fehlerrate.",
    "finding.no_level": "Nur ein Hinweis: diese Prüfung kam so bald nach den letzten, dass sie keinen Anteil an der Fehlerrate hat.",
    "finding.known_span": "Die Fotos sind wie die von span-{span}, mit denen das Modell im Einsatz trainiert wurde.",
    "finding.model_schema_unreadable": "Das Schema des Modells im Einsatz ist nicht lesbar: {cause}.",
    "finding.comparators": "Das kuratierte Schema setzt Vergleiche von TFDV ({names:list}), die diese Prüfung nicht liest: Schwellen "
    'stehen in Punkten in den Tags, annotation {{ tag: "drift-warn: 10" tag: "drift-error: 25" }}.',
    "finding.feature_gone": "Das Merkmal {name} fehlt im Schema, seit das Modell im Einsatz trainiert wurde.",
    "finding.feature_new": "Das Merkmal {name} ist neu im Schema, seit das Modell im Einsatz trainiert wurde.",
    "finding.type_changed": "Der Typ von {name} ist jetzt {new}, vorher {old}.",
    "finding.classes_changed": "Die Klassen sind jetzt {new:list}, beim Training des Modells im Einsatz waren es {old:list}.",
    "finding.anomaly": "ExampleValidator, Teil {split}: {name}: {description}",
    "finding.no_baseline": "Nichts wurde mit den Fotos des Modells im Einsatz verglichen: {cause}.",
}
