import pytest

from crawlers.challenge import challenge

CLOUDFLARE = "<!DOCTYPE html><html lang=en-US><head><title>Just a moment...</title></head><body></body></html>"
ALIYUN = (
    "<html><script>var arg1='0F8B3F';var _0x4818=[];function reload(x){setCookie(\"acw_sc__v2\", x)}</script></html>"
)
ALIYUN_JS = '<textarea id="renderData" style="display:none">{"_waf_bd8ce2ce37":"x"}</textarea><script></script>'
TENCENT = "<html><script>var __tst_status=1; document.cookie='EO_Bot_Ssid='+x</script></html>"


@pytest.mark.parametrize(
    ("headers", "body", "guard"),
    [
        ({"cf-mitigated": "challenge"}, "", "Cloudflare"),
        ({"cf-mitigated": "Challenge"}, "<p>x", "Cloudflare"),
        ({"x-amzn-waf-action": "captcha"}, "", "AWS WAF"),
        ({}, CLOUDFLARE, "Cloudflare"),
        ({}, "<script>window._cf_chl_opt={}</script>", "Cloudflare"),
        ({}, ALIYUN, "Alibaba Cloud"),
        ({}, ALIYUN_JS, "Alibaba Cloud"),
        ({}, "<html><script>window.x5secdata='/_____tmd_____/punish'</script>", "Alibaba Cloud"),
        ({}, TENCENT, "Tencent Cloud"),
        ({}, "<script src=https://x/TencentCaptcha.js></script><form action=/WafCaptcha>", "Tencent Cloud"),
        ({}, "<script>document.cookie='security_session_verify=1'</script>", "Yunsuo"),
        ({}, "<iframe src=/_Incapsula_Resource?x></iframe>", "Imperva"),
    ],
)
def test_challenges(headers: dict[str, str], body: str, guard: str) -> None:
    assert challenge(headers, body.encode()) == guard


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, ""),
        (
            {"cf-ray": "1", "server": "cloudflare"},
            "<title>红烧肉</title><script src=/cdn-cgi/challenge-platform/scripts/jsd/main.js>",
        ),
        ({}, "<title>Just a moment... in time</title>"),
        ({}, "<p>How acw_sc__v2 is made: a cookie of Alibaba's guard</p>"),
        ({}, "acw_sc__v2 arg1=" * 9),
        ({}, CLOUDFLARE + "x" * 70_000),
        ({"cf-mitigated": "x"}, "<p>"),
        ({}, "\x89PNG <title>"),
    ],
)
def test_pages_that_are_none(headers: dict[str, str], body: str) -> None:
    assert challenge(headers, body.encode()) == ""
