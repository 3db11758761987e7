"""The dock's own words, by language: what a lesson's file does not say."""

from __future__ import annotations

_WORDS = {
    "gallery": ("Gallery", "Übersicht"),
    "search": ("Search", "Suchen"),
    "minutes": ("min", "min"),
    "nothing": ("nothing needed", "braucht nichts"),
    "image": ("needs an image", "braucht ein Bild"),
    "strokes": ("needs strokes", "braucht Striche"),
    "net": ("needs a network", "braucht ein Netz"),
    "done": ("done", "fertig"),
    "none": ("No lesson is like that.", "Keine Lektion passt dazu."),
    "copy": ("Copy my answers", "Antworten kopieren"),
    "copied": (
        "Your answers are in the clipboard, as CSV. Nothing was sent.",
        "Deine Antworten sind in der Zwischenablage, als CSV. Nichts wurde gesendet.",
    ),
    "read_again": ("Read again", "Neu lesen"),
    "of": ("of", "von"),
    "on": ("on", "mit"),
    "text_numbers": ("the text's numbers", "Zahlen des Textes"),
    "my_image": ("my image", "mein Bild"),
    "text_alone": (
        "This lesson keeps to the numbers of the text.",
        "Diese Lektion bleibt bei den Zahlen des Textes.",
    ),
    "guess": ("Guess first", "Erst raten"),
    "check": ("Check", "Prüfen"),
    "skip": ("Skip", "Zeigen"),
    "click": ("Click the place in the image.", "Klicke die Stelle im Bild an."),
    "yes": ("Yes, {}.", "Ja, {}."),
    "no": ("It is {}.", "Es ist {}."),
    "up": ("Earlier", "Früher"),
    "down": ("Later", "Später"),
    "place": ("click in the image", "ins Bild klicken"),
    "reset": ("Reset", "Zurücksetzen"),
    "inside": ("Look inside", "Ins Netz sehen"),
    "export": ("Export …", "Exportieren …"),
    "stop": ("Stop", "Anhalten"),
    "live": ("Run it live", "Jetzt rechnen"),
    "shelf": ("came with the lesson", "kam mit der Lektion"),
    "shelf_tip": (
        "This takes longer than anybody waits, so it was computed beforehand. Run it live does it "
        "here and now.",
        "Das dauert länger, als jemand wartet, und wurde darum vorher gerechnet. „Jetzt rechnen“ "
        "tut es hier und jetzt.",
    ),
    "text_says": ("The text says", "Der Text sagt"),
    "here": ("Here it is", "Hier ist es so"),
    "wrong": ("wrong", "falsch"),
    "loose": ("only under conditions", "nur bedingt richtig"),
    "exact": ("exact", "exakt"),
    "structural": ("structural", "strukturell"),
    "empirical": ("empirical", "gemessen"),
    "exact_tip": (
        "Exact: it follows from the layers and numbers alone.",
        "Exakt: folgt allein aus Schichten und Zahlen.",
    ),
    "structural_tip": (
        "Structural: true of the convolutions; a normalisation mixes in the whole map.",
        "Strukturell: gilt für die Faltungen; eine Normierung mischt die ganze Karte ein.",
    ),
    "empirical_tip": (
        "Empirical: measured on this image.",
        "Gemessen: an diesem Bild, mit diesem Netz.",
    ),
    "next": ("next step", "nächster Schritt"),
    "back": ("step before", "Schritt davor"),
    "step": ("Step", "Schritt"),
    "taken": (
        "What is on screen is taken again, as it is now.",
        "Was zu sehen ist, wird noch einmal genommen.",
    ),
    "keys": (
        "Keys: → next, ← back, R reset, I my image, G gallery.",
        "Tasten: → weiter, ← zurück, R zurücksetzen, I mein Bild, G Übersicht.",
    ),
    "more": ("More in the documentation", "Mehr in der Dokumentation"),
}


def word(name: str, language: str) -> str:
    """The dock's word for ``name``; English where a language has none.

    Raises
    ------
    KeyError
        If there is no such word.
    """
    english, german = _WORDS[name]
    return german if language == "de" else english
