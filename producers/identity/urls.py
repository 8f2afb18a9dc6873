"""When two URLs, or two guids that look like URLs, mean the same article."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

_PORTS: Final = {"http": 80, "https": 443}
_MAX_HOST: Final = 253
_SCHEME_AND_HOST: Final = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SAFE: Final = "/%:@!$&'()*+,;=~-._"

# What tells a publisher where a reader came from and never which article it is. Only names that nobody uses for
# content: `id`, `ref`, `source`, `from` and the like stay.
_TRACKING_PREFIXES: Final = (
    "utm_", "mtm_", "matomo_", "piwik_", "pk_", "itm_", "hsa_", "at_campaign", "at_medium", "at_custom", "at_creation",
    "at_link", "at_ptr", "at_bbc", "fb_action_", "guce_", "elqtrack", "vero_", "__hs", "_branch_",
)  # fmt: skip
_TRACKING: Final = frozenset(
    (
        # advertising clicks
        "fbclid", "fb_source", "fb_ref", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "gad_source", "gad_campaignid",
        "srsltid", "msclkid", "yclid", "ysclid", "twclid", "ttclid", "li_fat_id", "igshid", "igsh", "epik", "rdt_cid",
        "zanpid", "wickedid", "rb_clickid", "irclickid", "cvid", "_openstat", "obclid", "tblci", "mibextid",
        # newsletters
        "mc_cid", "mc_eid", "mc_tc", "_hsenc", "_hsmi", "hsctatracking", "mkt_tok", "oly_anon_id", "oly_enc_id",
        "_kx", "_bta_tid", "_bta_c", "trk_contact", "trk_msg", "trk_module", "trk_sid", "elq", "elqcampaignid", "dm_i",
        "ml_subscriber", "ml_subscriber_hash", "sailthru", "et_rid",
        # publishers and analytics
        "_ga", "_gl", "ref_src", "ref_url", "cmpid", "cmp", "ncid", "icid", "ito", "ocid", "xtor", "s_cid", "smid",
        "smtyp", "taid", "guccounter", "spm", "wtmc", "_trk", "s_kwcid", "ef_id", "__twitter_impression", "echobox",
        "ceid", "emci", "emdi", "ns_campaign", "ns_mchannel", "ns_source", "ns_linkname", "ns_fee", "wt_mc", "wt_zmc",
        "campaign_id", "campaign_medium", "campaign_name", "campaign_source", "campaign_term", "campaign_content",
        "sc_customer", "sc_eh", "sc_uid",
    )
)  # fmt: skip


def canonical_url(url: str) -> str:
    """Return the URL as all its spellings agree on it; empty if it is no http or https URL.

    Scheme and host are lower-case, the host in ASCII (punycode); the default port, the fragment (but for `#!` routes)
    and tracking parameters are gone, the query is sorted, percent-encoding is the same everywhere.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not host:
        return ""
    where = _name(host)
    if not where:
        return ""
    if port is not None and port != _PORTS[parts.scheme]:
        where += f":{port}"
    # surrogateescape: a query in an encoding of its own (cp1251, gb2312) keeps its bytes
    pairs = parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")
    query = urlencode(sorted(pair for pair in pairs if not is_tracking(pair[0])), errors="surrogateescape")
    route = _escape(parts.fragment) if parts.fragment.startswith("!") else ""
    return urlunsplit((parts.scheme, where, _escape(parts.path or "/"), query, route))


def is_tracking(name: str) -> bool:
    """Return whether a query parameter of this name never tells one article from another."""
    name = name.lower()
    return name in _TRACKING or name.startswith(_TRACKING_PREFIXES)


def normalise_guid(guid: str) -> str:
    """Return a guid without what flips on its own: surrounding space, and scheme and case of the host of a URL."""
    guid = guid.strip()
    match = _SCHEME_AND_HOST.match(guid)
    return match[1].lower() + guid[match.end() :] if match else guid


def _name(host: str) -> str:
    """Return a host as it stands in a URL, in ASCII where that is possible."""
    if ":" in host:
        return f"[{host}]"
    host = host.lower().rstrip(".")
    if host.isascii() or len(host) > _MAX_HOST:
        return host
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return host


def _escape(text: str) -> str:
    quoted = quote(text, safe=_SAFE, errors="surrogatepass")
    return _ESCAPE.sub(_unescape, quoted)


def _unescape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()
