"""The parts of X that are simulated. Another part is another module, added to the tuple."""

from campaign.simulator.routes import followers, legacy_limits, media, posts, timeline, users

CURRENT = (*users.ENDPOINTS, *followers.ENDPOINTS, *posts.ENDPOINTS, *timeline.ENDPOINTS, *media.ENDPOINTS)
ENDPOINTS = (*CURRENT, *legacy_limits.LISTED)
