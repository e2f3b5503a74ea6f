"""What all tests share: examples of property tests may take their time, for the machine may be busy."""

from hypothesis import settings

settings.register_profile("tidelock", deadline=None)
settings.load_profile("tidelock")
