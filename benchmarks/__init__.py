"""The account sync measured beside plain loops, as ratios on this machine; see docs/performance.md."""
