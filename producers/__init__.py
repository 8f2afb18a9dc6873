"""Feeds to articles: polls feeds politely and publishes each item, and each revision of it, exactly once.

Fetch, parse, normalise and publish are four steps with values between them; what a restart must know is in one SQLite
file. Nothing here knows Faust or scikit-learn.
"""
