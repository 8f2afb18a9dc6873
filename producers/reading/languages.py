"""The language of an article: what its feed declares, unless the text says otherwise.

Many feeds declare `en-us` because their template did. The script refutes most of these; for the others there is a
classifier, which the declaration has to contradict clearly to be overruled.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from producers.reading.scripts import LANGUAGES, can_be_written, find_script

UNKNOWN: Final = "und"

_TAG: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,4}")
_READ: Final = 400  # characters; more would not change the answer
_CHECKED: Final = 160  # where a declaration only has to be contradicted
_NEGLIGIBLE: Final = 1e-4  # a share that decides nothing
_SHORT: Final = 20  # letters; below this a guess is worth less than a declaration
_SURE: Final = 0.9  # a guess that is believed of a short text
_LIKELY: Final = 0.5  # one that overrules a declaration
_POSSIBLE: Final = 0.25  # one that is believed where nothing is declared
_RULED_OUT: Final = 0.01  # the share of a declaration that is overruled
_SAME: Final = {"nb": "no", "nn": "no", "fil": "tl", "iw": "he", "in": "id", "cmn": "zh", "yue": "zh", "prs": "fa",
                "sh": "sr", "bs": "hr", "cnr": "sr", "mo": "ro"}  # fmt: skip
_RARE: Final = {"ms": 0.3, "gl": 0.3}  # beside a near relation with many times the outlets
# Languages that news is written in. The model has 140; the others (Esperanto, Latin, Wu) are only mistaken for these.
_KNOWN: Final = frozenset(
    (
        "af", "am", "ar", "az", "be", "bg", "bn", "ca", "cs", "cy", "da", "de", "el", "en", "es", "et", "eu", "fa",
        "fi", "fr", "ga", "gl", "gu", "ha", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "kk", "km",
        "kn", "ko", "ku", "ky", "lo", "lt", "lv", "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "no", "pa",
        "pl", "ps", "pt", "ro", "ru", "si", "sk", "sl", "so", "sq", "sr", "sv", "sw", "ta", "te", "tg", "th", "tk",
        "tl", "tr", "tt", "ug", "uk", "ur", "uz", "vi", "zh",
    )
)  # fmt: skip


def detect(title: str, summary: str, *, prior: str = "", entry: str = "", declared: str = "") -> tuple[str, str]:
    """Return the BCP 47 tag of an article's language and who says so.

    Args:
        title: Plain text, as is `summary`.
        prior: The feed's language by our own config.
        entry: What the entry declares.
        declared: What the feed declares.

    Returns:
        The source is `config`, `entry`, `feed`, `detected`, or "" for `und`.
    """
    text = f"{title}\n{summary}"[:_READ]
    script, letters = find_script(text)
    claim, source = _choose(((prior, "config"), (entry, "entry"), (declared, "feed")), script, text)
    languages = LANGUAGES.get(script, ())
    if not script or (claim and letters < _SHORT):
        return claim or UNKNOWN, source
    if script == "han" or len(languages) == 1:
        return (claim, source) if claim else (languages[0], "detected")
    primary = _primary(claim)
    if primary and primary not in _KNOWN:
        return claim, source
    ranked = _rank(text[:_CHECKED] if claim else text)
    shares = {
        tag: share * _RARE.get(tag, 1.0)
        for tag, share in ranked
        if share > _NEGLIGIBLE and can_be_written(tag, script, text)
    }
    best, share = max(shares.items(), key=lambda item: item[1], default=("", 0.0))
    share /= sum(shares.values()) or 1
    if claim:
        overruled = share >= _LIKELY and shares.get(primary, 0.0) <= _RULED_OUT
        return (best, "detected") if overruled else (claim, source)
    if share >= (_POSSIBLE if letters >= _SHORT else _SURE):
        return best, "detected"
    return UNKNOWN, ""


@cache
def load_model() -> Any:
    """Return the classifier, which takes half a second and 60 MB: once per process, before the first text or with it.

    A process that forks others had better load it first.
    """
    whole = LanguageIdentifier.from_model_file(MODEL_FILE)
    columns = [i for i, tag in enumerate(whole.nb_classes) if tag in _KNOWN]
    return LanguageIdentifier(
        whole.nb_ptc[:, columns].copy(),
        whole.nb_pc[columns],
        [whole.nb_classes[i] for i in columns],
        whole.tk_nextmove,
        whole.tk_output,
        norm_probs=True,
        tk_row=whole.tk_row,
    )


def _rank(text: str) -> list[tuple[str, float]]:
    ranked: list[tuple[str, float]] = load_model().rank(text)
    return ranked


def _choose(claims: tuple[tuple[str, str], ...], script: str, text: str) -> tuple[str, str]:
    """Return the first tag that is one and that the text can be in, and its source."""
    for raw, source in claims:
        match = _TAG.fullmatch(raw.strip())
        if match and match[0].lower() != UNKNOWN:
            tag = match[0].replace("_", "-")
            if not script or can_be_written(_primary(tag), script, text):
                return tag, source
    return "", ""


def _primary(tag: str) -> str:
    return _SAME.get(_subtag(tag), _subtag(tag))


def _subtag(tag: str) -> str:
    return tag.partition("-")[0].lower()
