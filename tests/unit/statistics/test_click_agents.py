"""What is kept of the way in which browsers and programs introduce themselves."""

import pytest

from campaign.statistics.clicks import LONGEST_READ, agent_of

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/131.0.0.0 Safari/537.36"
ANDROID = f"Mozilla/5.0 (Linux; Android 14; CUBOT_NOTE 20) {_WEBKIT} Chrome/131.0.0.0 Mobile Safari/537.36"
IN_X = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Twitter for iPhone/10.9"
)
FACEBOOK = "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"


@pytest.mark.parametrize(
    ("said", "family"),
    [
        (CHROME, "Chrome"),
        (ANDROID, "Chrome Mobile"),
        (IN_X, "Twitter"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox"),
        ("Opera/9.80 (J2ME/MIDP; Opera Mini/9.1/191.249; U; en) Presto/2.12 Version/12.16", "Opera Mini"),
        (CHROME + "x" * 5_000, "Chrome"),
    ],
)
def test_a_browser_is_a_persons(said: str, family: str) -> None:
    assert agent_of(said) == (family, False)


@pytest.mark.parametrize(
    ("said", "family"),
    [
        ("Twitterbot/1.0", "Twitterbot"),
        (FACEBOOK, "FacebookBot"),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "Slackbot-LinkExpanding"),
        ("Discordbot/2.0", "Discordbot"),
        ("LinkedInBot/1.0 (compatible; Mozilla/5.0; +http://www.linkedin.com)", "LinkedInBot"),
        ("WhatsApp/2.24.20", "WhatsApp"),
        ("TelegramBot (like TwitterBot)", "TelegramBot"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot"),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "bingbot"),
        (CHROME.replace("Chrome", "HeadlessChrome"), "HeadlessChrome"),
        ("curl/8.10.1", "curl"),
        ("Wget/1.24.5", "Wget"),
        ("python-requests/2.32.3", "Python Requests"),
        ("python-httpx/0.28.1", "Other"),
        ("Go-http-client/2.0", "Go-http-client"),
        ("Barracuda Sentinel (EE)", "Other"),
        ("", "Other"),
        ("   ", "Other"),
    ],
)
def test_what_fetches_previews_scans_or_runs_in_a_script_is_a_robot(said: str, family: str) -> None:
    assert agent_of(said) == (family, True)


def test_no_more_is_kept_than_a_family() -> None:
    assert len(agent_of("Mozilla/5.0 (" + "Some Browser " * 1_000).family) <= 64
    assert agent_of("x" * LONGEST_READ + "bot").family == "Other"
