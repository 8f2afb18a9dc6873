"""The script of a text, and which languages can be written in it."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Final

# First code points of ranges, each with its script up to the next one.
_RANGES: Final = (
    (0x41, "latin"), (0x5B, ""), (0x61, "latin"), (0x7B, ""), (0xAA, "latin"), (0xAB, ""), (0xC0, "latin"),
    (0x2B0, ""), (0x370, "greek"), (0x400, "cyrillic"), (0x530, "armenian"), (0x590, "hebrew"), (0x600, "arabic"),
    (0x700, ""), (0x750, "arabic"), (0x780, "thaana"), (0x7C0, ""), (0x8A0, "arabic"), (0x900, "devanagari"),
    (0x980, "bengali"), (0xA00, "gurmukhi"), (0xA80, "gujarati"), (0xB00, "oriya"), (0xB80, "tamil"), (0xC00, "telugu"),
    (0xC80, "kannada"), (0xD00, "malayalam"), (0xD80, "sinhala"), (0xE00, "thai"), (0xE80, "lao"), (0xF00, "tibetan"),
    (0x1000, "myanmar"), (0x10A0, "georgian"), (0x1100, "hangul"), (0x1200, "ethiopic"), (0x13A0, ""),
    (0x1780, "khmer"), (0x1800, "mongolian"), (0x18B0, ""), (0x1C80, "cyrillic"), (0x1C90, "georgian"), (0x1CC0, ""),
    (0x1E00, "latin"), (0x1F00, "greek"), (0x2000, ""), (0x3041, "kana"), (0x30FB, ""), (0x30FC, "kana"), (0x3100, ""),
    (0x3131, "hangul"), (0x3190, ""), (0x3400, "han"), (0x4DC0, ""), (0x4E00, "han"), (0xA000, ""), (0xAC00, "hangul"),
    (0xD7B0, ""), (0xF900, "han"), (0xFB00, ""), (0xFB1D, "hebrew"), (0xFB50, "arabic"), (0xFE00, ""),
    (0xFE70, "arabic"), (0xFEFF, ""), (0xFF66, "kana"), (0xFFA0, ""), (0x20000, "han"), (0x32000, ""),
)  # fmt: skip
_SCRIPT_OF: Final = {
    code: name
    for (first, name), (behind, _) in pairwise((*_RANGES, (0x32000, "")))
    if name and first < 0x3000
    for code in range(first, behind)
}
# All languages of the scripts that few use. Of the others, Latin is for all that are in none of these.
LANGUAGES: Final = {
    "greek": ("el",), "armenian": ("hy",), "hebrew": ("he", "yi", "iw"), "thaana": ("dv",), "gurmukhi": ("pa",),
    "gujarati": ("gu",), "oriya": ("or",), "tamil": ("ta",), "telugu": ("te",), "kannada": ("kn",),
    "malayalam": ("ml",), "sinhala": ("si",), "thai": ("th",), "lao": ("lo",), "tibetan": ("bo", "dz"),
    "myanmar": ("my", "shn", "mnw"), "georgian": ("ka",), "hangul": ("ko",), "ethiopic": ("am", "ti"),
    "khmer": ("km",), "mongolian": ("mn",), "kana": ("ja",), "han": ("zh", "ja", "cmn", "yue", "wuu", "lzh"),
    "bengali": ("bn", "as"), "devanagari": ("hi", "mr", "ne", "sa", "mai", "bho", "kok"),
    "arabic": ("ar", "fa", "ur", "ps", "ug", "ckb", "ku", "sd", "pa", "ks", "az", "kk", "arz", "ary", "prs", "pnb"),
    "cyrillic": ("ru", "uk", "be", "bg", "mk", "sr", "bs", "sh", "mn", "kk", "ky", "tg", "tt", "uz", "az", "ba", "cv",
                 "os", "ce", "sah", "tk", "rue", "cnr"),
}  # fmt: skip
_ALSO_LATIN: Final = frozenset(("az", "uz", "kk", "sr", "bs", "sh", "tk", "ku", "cnr", "pa", "tt", "ug"))
_NEVER_LATIN: Final = frozenset(tag for tags in LANGUAGES.values() for tag in tags) - _ALSO_LATIN
# Letters of the same script that a language does not have.
_ALIEN: Final = {
    "ru": "іїєґўјљњђћџѓќѕәғқңөұүһ",
    "uk": "ыэёъўјљњђћџѓќѕәғқңөұүһ",
    "be": "иїєґщъјљњђћџѓќѕәғқңөұүһ",
    "bg": "ыэёіїєґўјљњђћџѓќѕәғқңөұүһ",
    "sr": "ыэёъіїєґўйщьяюѓќѕәғқңөұүһ",
    "mk": "ыэёъіїєґўйщьяюђћәғқңөұүһ",
    "ar": "پچژگٹڈڑںےہھیک",
    "fa": "ٹڈڑںےہھةى",
}
_KANA_SHARE: Final = 0.05
_ALIEN_SHARE: Final = 0.03


def find_script(text: str) -> tuple[str, int]:
    """Return the script that most letters of the text are in, and their number; "" without letters.

    A Han character counts for three letters and a Korean one for two; Japanese is `kana` whatever else is in it.
    """
    if text.isascii():
        letters = sum(map(str.isalpha, text))
        return ("latin" if letters else ""), letters
    counts: Counter[str] = Counter()
    for character, number in Counter(text).items():
        counts[_script_of(character)] += number
    del counts[""]
    if not counts:
        return "", 0
    counts["han"] *= 3
    counts["hangul"] *= 2
    cjk = counts["han"] + counts["kana"]
    if counts["kana"] > _KANA_SHARE * cjk:
        counts["kana"], counts["han"] = cjk, 0
    script, number = max(counts.items(), key=lambda item: item[1])
    return script, number


def can_be_written(tag: str, script: str, text: str) -> bool:
    """Return whether a text in this script can be in that language (a primary subtag)."""
    if script == "latin":
        return tag not in _NEVER_LATIN
    if tag not in LANGUAGES.get(script, ()):
        return False
    alien = _ALIEN.get(tag)
    if alien is None:
        return True
    count = sum(map(text.lower().count, alien))
    return count < 2 or count < _ALIEN_SHARE * len(text)


def _script_of(character: str) -> str:
    code = ord(character)
    if code < 0x3000:
        return _SCRIPT_OF.get(code, "")
    for (first, name), (behind, _) in pairwise(_RANGES):
        if first <= code < behind:
            return name
    return ""
