"""The account sync and direct messages measured beside plain loops, as ratios; see docs/performance.md."""
