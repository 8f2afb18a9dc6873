"""Whether a word that a stem caught is the word that was meant: a rule of thumb for each language.

It errs to the silent side. English `import*` means imports, imported, importing and importers, and catches important.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_LONG: Final = (
    5  # letters from which on a stem is sure enough of itself: a German one makes compounds, an English one nouns
)

_ENGLISH: Final = re.compile(r"(?:s|es|d|ed|ings?|e?rs?|ors?|ees?|n|ns|i?ans?|ese|ish|wide|like|ly|ments?|ships?)?")
_ENGLISH_DERIVED: Final = re.compile(
    _ENGLISH.pattern
    + r"|y|ies|ied|ying|iers?|a?t?ions?|ion(?:ed|ing|al|ists?)|ures?|isms?|ists?|istic|ics?|ical|ically|iv(?:e|es|ely)"
    r"|ables?|ability"
)
_ENGLISH_CUT: Final = re.compile(
    _ENGLISH_DERIVED.pattern
    + r"|e|at(?:e|es|ed|ing|ory|ors?)|i[sz](?:e|es|ed|ing|ers?|ation)|iv(?:eness|ity)|i?als?|i?ally|ity|ities|ary|aries"
    r"|ory|ar|[ae]nts?|[ae]nc(?:e|es|y|ies)|s(?:ions?|ory)|d(?:e|es|ed|ing|ers?)|[cs](?:e|es|ed|ing|ees?)|ms?|ts?|tic"
    r"|le|il(?:ity|ities)"
)
_AFTER_DOUBLED: Final = ("ed", "ing", "ings", "er", "ers")
_FRENCH: Final = re.compile(
    r"(?:e?s|e|x|aux|é(?:e?s?)|er|ons|ez|ent|ait|aient|ants?|antes?|era|eront|a|i[ro]n?s?|ées?|eurs?|euses?|rices?"
    r"|ations?|ions?|ionn(?:é|ée|és|ées|er|e|ent|el|elle|els|elles)|ements?|i?ens?|i?ennes?|ais|aises?|ois|oises?|istes?|ismes?"
    r"|i(?:que|ques)|if|ive|ifs|ives|ité|ités)?"
)
_SPANISH: Final = re.compile(
    r"(?:e?s|[aeo]s?|[aei]r|[aáeé]n|[aeií]d[ao]s?|[aie]+ndo|[óéí]|[aeiá]ron|[aei]rán?|aba[ns]?|ía[ns]?|i?ón|iones|ción|ciones|"
    r"ador[ae]?s?|an[ao]s?|és|es[ae]s?|istas?|ismos?|ic[ao]s?|i[vao]v?[ao]?s?|amientos?|imientos?|idad(?:es)?|al|ales)?"
)
_GERMAN: Final = re.compile(
    r"(?:e[nmrs]?|e?s|n|ern?|e?t(?:e[nmrs]?)?|est|ung(?:en)?|innen|in|isch(?:e[nmrs]?)?|ier(?:t|te|ten|en|ung)?|lich(?:e[nmrs]?)?)?"
)
_SLAVIC_PART: Final = (
    "онн|ионн|альн|ельн|енн|нн|н|ськ|цьк|ск|ов|ев|ств|ост|ист|изм|изац|ік|ик|ник|ник|чик|щик|ц|ч|к|ан|ян|ен|йн|ін|ин|ир|ува|юва|ова|"
    "ыва|ива|ующ|ющ|ующ|вш|ющ|ащ|ящ|уюч|ани|ени|анн|єнн|ент|ант|тел|ер|ор|ан|іст|ізм|ац|аці|и|і|а|я|е"
)
_SLAVIC_END: Final = (
    "[аяоеёуюыиьйіїє]|[аяоеуюыиії]м|[аяиыі]х|[аяиыі]ми|[оеіє]в|[оеі]й|[оеє]ю|[ыи]й|ая|яя|ое|ее|ые|ие|ую|юю|[оеє]го|[оеє]му|ью|ією|єю"
    "|и[яиюйе]|и[еє]?м|і[яїюй]|ть|ти|[аияеі]?л[аои]?|[аеиуюяії]т|[аеиуюяії]ть|[аияу]в|но|то|ться|тся|лся|лись|лась|лось|ся"
)
_SLAVIC: Final = re.compile(f"(?:{_SLAVIC_PART}){{0,3}}(?:{_SLAVIC_END})?")
_ARABIC: Final = re.compile(r"\w{0,3}")

_RULES: Final[Mapping[str, re.Pattern[str]]] = {
    "fr": _FRENCH, "es": _SPANISH, "de": _GERMAN, "ru": _SLAVIC, "uk": _SLAVIC, "ar": _ARABIC,
}  # fmt: skip


def is_inflection(stem: str, ending: str, language: str, *, whole: bool = False) -> bool:
    """Return whether an ending makes of a stem another form of the same word, or a word that plainly comes from it.

    Args:
        stem: What stands before the `*`, folded.
        ending: What the `*` stood for, folded.
        language: Of the article; where there is no rule for it, every ending will do.
        whole: Whether the stem is a word by itself, so that no ending need complete it. Matters in English only.
    """
    if language == "en":
        rule = _ENGLISH_CUT if not whole else _ENGLISH_DERIVED if len(stem) >= _LONG else _ENGLISH
        return rule.fullmatch(ending) is not None or (
            ending[:1] == ("k" if stem.endswith("c") else stem[-1:]) and ending[1:] in _AFTER_DOUBLED
        )
    other = _RULES.get(language)
    if other is None or other.fullmatch(ending):
        return True
    return language == "de" and len(stem) >= _LONG
