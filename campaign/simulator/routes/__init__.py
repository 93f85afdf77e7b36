"""The parts of X that are simulated. Another part is another module, added to the tuple."""

from campaign.simulator.routes import followers, legacy, legacy_media, legacy_posts, media, posts, timeline, users

CURRENT = (*users.ENDPOINTS, *followers.ENDPOINTS, *posts.ENDPOINTS, *timeline.ENDPOINTS, *media.ENDPOINTS)
LEGACY = (*legacy.ENDPOINTS, *legacy_posts.ENDPOINTS, *legacy_media.ENDPOINTS)
ENDPOINTS = (*CURRENT, *LEGACY)
