"""X at the far side of the wire: a small server that answers, limits, bills and fails as X does.

It shares nothing with the rest of the house, so that a misunderstanding of X cannot hide on both sides.
"""
