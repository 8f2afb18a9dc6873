"""The fixed words of alerts in the languages of officers; what feeds wrote stays in its own.

A further language is a module with `WORDS` that is named in `speaking.LANGUAGES`; a test holds it to be complete.
"""
