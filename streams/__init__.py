"""Classified articles become stories, buckets and spikes: the Faust worker, and the detector that runs inside it."""
