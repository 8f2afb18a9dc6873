"""The linear model beside the terms: labelled articles in, weights of words out, and what they say about an article.

`features` says what the model sees of an article, `weights` what it makes of it, `file` keeps it on disk as numbers
alone, `training` learns it (and alone needs scikit-learn).
"""
