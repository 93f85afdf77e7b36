"""The parts of X that are simulated. Another part is another module, added to the tuple."""

from campaign.simulator.routes import (
    followers,
    legacy_limits,
    media,
    message_events,
    messages,
    oauth1,
    posts,
    timeline,
    users,
)

CURRENT = (
    *messages.ENDPOINTS,
    *message_events.ENDPOINTS,
    *users.ENDPOINTS,
    *followers.ENDPOINTS,
    *posts.ENDPOINTS,
    *timeline.ENDPOINTS,
    *media.ENDPOINTS,
    *oauth1.ENDPOINTS,
)
ENDPOINTS = (*CURRENT, *legacy_limits.LISTED)
