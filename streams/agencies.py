"""Which wire agency an article names as its origin: many outlets with one agency's report are one voice.

What is read is what agencies ask their customers to print: the name in brackets after the place ("LONDON (Reuters) -"),
a line of credit, or the agency's own feed.
"""

from __future__ import annotations

import re
from typing import Final

HEAD: Final = 200  # characters of a text in which the place and the agency stand

# Each agency as it is called in credits, in the languages it writes.
NAMES: Final = {
    "AFP": ("AFP", "Agence France-Presse", "АФП", "法新社"),
    "Anadolu": ("Anadolu", "Anadolu Agency", "AA"),
    "ANI": ("ANI", "Asian News International"),
    "ANSA": ("ANSA",),
    "AP": ("AP", "The Associated Press", "Associated Press", "美联社"),
    "Bloomberg": ("Bloomberg", "Bloomberg News", "彭博社"),
    "CNA": ("Central News Agency", "中央社"),
    "dpa": ("dpa", "DPA", "Deutsche Presse-Agentur"),
    "EFE": ("EFE", "Agencia EFE"),
    "Interfax": ("Interfax", "Интерфакс"),
    "Kyodo": ("Kyodo", "Kyodo News", "共同社", "共同"),
    "PTI": ("PTI", "Press Trust of India"),
    "Reuters": ("Reuters", "Thomson Reuters", "Рейтер", "路透社", "路透"),
    "RIA Novosti": ("RIA Novosti", "РИА Новости"),
    "TASS": ("TASS", "ТАСС"),
    "Ukrinform": ("Ukrinform", "Укринформ", "Укрінформ"),
    "Xinhua": ("Xinhua", "Xinhua News Agency", "新华社", "新華社"),
    "Yonhap": ("Yonhap", "Yonhap News Agency", "연합뉴스"),
}
_AGENCY_OF: Final = {name.casefold(): agency for agency, names in NAMES.items() for name in names}
_ANY: Final = "|".join(
    re.escape(name) for name in sorted((n for ns in NAMES.values() for n in ns), key=len, reverse=True)
)
_CREDIT: Final = re.compile(
    rf"[(（【\[](?P<bracket>{_ANY})(?:[ /,，][^)）】\]]{{0,20}})?[)）】\]]"
    rf"|^(?:By |Source: |Via )(?P<by>{_ANY})\b"
    rf"|^(?P<first>{_ANY})(?: ?[-–—:：]|（?\d+日)"
)


def agency_of(source: str, text: str) -> str:
    """Return the agency that an article of `source` names as its origin; empty if it names none."""
    own = _AGENCY_OF.get(" ".join(source.casefold().split()))
    if own:
        return own
    found = _CREDIT.search(text[:HEAD])
    return _AGENCY_OF[found[found.lastgroup or 0].casefold()] if found else ""
