"""Was eine Prüfung nicht hätte sehen können, und wie oft Prüfungen irren."""

TEXTS = {
    "power.found": "Übersehen worden sein könnten: {changes:list}. Größere Änderungen werden in 9 von 10 Fällen gefunden.",
    "power.from": "{feature:title} unter {effect:number} Punkten",
    "power.others": "andere Eigenschaften unter {low:number} bis {high:number} Punkten",
    "power.unseen": "Übersehen worden sein könnte auch die größte Änderung: {names:list}.",
    "sequence.promise": "Höchstens ein Fehlalarm ist in {weeks:number} {weeks:plural:Woche|Wochen} von Prüfungen zu erwarten.",
    "sequence.level": "Diese Prüfung darf bis p = {level:number} Alarm geben.",
    "sequence.no_level": "Diese Prüfung kam so bald nach den letzten, dass sie keinen Alarm geben darf.",
}
