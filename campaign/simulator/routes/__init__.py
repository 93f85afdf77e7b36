"""The parts of X that are simulated. Another part is another module, added to the tuple."""

from campaign.simulator.routes import followers, legacy, users

ENDPOINTS = (*users.ENDPOINTS, *followers.ENDPOINTS, *legacy.ENDPOINTS)
