"""Who followed a link, as far as it is kept: the family of a browser, and whether it was a person's."""

import re
from functools import lru_cache
from typing import NamedTuple

from ua_parser import parse_user_agent

UNKNOWN = "Other"
LONGEST_READ = 512
"""Characters of what a browser says of itself; more are no browser's."""
_LONGEST_FAMILY = 64
#: Every browser says so since 1994 or 1995; what fetches previews, checks links or runs in a script mostly does not.
_BROWSER = re.compile(r"(?:Mozilla|Opera)/\d")
# What says that it is a browser and is none, such as X's and Facebook's fetchers of previews and scanners of mail.
_ROBOT = re.compile(
    r"(?<!cu)bot(?:\b|[-_])|crawl|spider|slurp|preview|externalhit|facebookcatalog|scan|headless|phantomjs|lighthouse"
    r"|selenium|puppeteer|playwright|monitor|pingdom|uptime|validator|fetch|proxy|archiver|barracuda|proofpoint"
    r"|mimecast|safelinks|urlcheck|linkcheck|https?://|\+http|google-(?!chrome)|yahoo!|whatsapp|python|curl|wget",
    re.IGNORECASE,
)


class Agent(NamedTuple):
    """The family, such as Firefox or Twitterbot, and whether it is likely a robot's."""

    family: str
    is_robot: bool


@lru_cache(maxsize=4096)
def agent_of(said: str) -> Agent:
    """What is kept of the way in which a browser or a program introduced itself."""
    shown = said.strip()[:LONGEST_READ]
    found = parse_user_agent(shown) if shown else None
    is_robot = not _BROWSER.match(shown) or bool(_ROBOT.search(shown))
    return Agent((found.family if found else UNKNOWN)[:_LONGEST_FAMILY], is_robot)
