"""Pages that ask a visitor to prove that it is a browser. We are none and solve nothing: such a page is an outcome."""

from __future__ import annotations

from collections.abc import Mapping

_READ = 16_384  # bytes of a body: such pages are short, or say it at once

# The guard, and what only its page holds. Every mark of a row must be there.
_PAGES: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    ("Cloudflare", (b"<title>just a moment...</title>",)),
    ("Cloudflare", (b"window._cf_chl_opt",)),
    ("Cloudflare", (b"/cdn-cgi/challenge-platform/h/", b"challenge-error-text")),
    ("Alibaba Cloud", (b"acw_sc__v2", b"arg1=")),
    ("Alibaba Cloud", (b"acw_sc__v3", b"aliyunwaf")),
    ("Alibaba Cloud", (b"aliyun_waf_aa",)),
    ("Alibaba Cloud", (b"renderdata", b"_waf_")),
    ("Alibaba Cloud", (b"x5secdata", b"_____tmd_____")),
    ("Tencent Cloud", (b"tencentcaptcha", b"wafcaptcha")),
    ("Tencent Cloud", (b"__tst_status", b"eo_bot_ssid")),
    ("Yunsuo", (b"yunsuo_session_verify", b"<script")),
    ("Yunsuo", (b"security_session_verify", b"<script")),
    ("Imperva", (b"_incapsula_resource", b"<iframe")),
    ("DataDome", (b"captcha-delivery.com", b"var dd=")),
    ("Akamai", (b"sec-if-cpt-container",)),
    ("AWS WAF", (b"awswafintegration", b"challenge.js")),
)
_LARGEST = 65_536  # bytes: a page with more is one, that mentions such words


def challenge(headers: Mapping[str, str], body: bytes) -> str:
    """Whose challenge an answer is: '' for an answer that is none. Header names are in lower case.

    Sources: https://developers.cloudflare.com/cloudflare-challenges/ for the header; the pages themselves for the rest.

    >>> challenge({"cf-mitigated": "challenge"}, b""), challenge({}, b"<html><title>Just a moment</title>")
    ('Cloudflare', '')
    """
    if headers.get("cf-mitigated", "").strip().lower() == "challenge":
        return "Cloudflare"
    if headers.get("x-amzn-waf-action", "").strip().lower() in ("challenge", "captcha"):
        return "AWS WAF"
    if not body or len(body) > _LARGEST:
        return ""
    start = body[:_READ].lower()
    if b"<" not in start[:1_000]:
        return ""
    return next((guard for guard, marks in _PAGES if all(mark in start for mark in marks)), "")
