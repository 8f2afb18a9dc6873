"""Spikes to alerts: who subscribes, what the message says, and one delivery per episode and target, come what may.

Nothing here knows Faust or scikit-learn.
"""
