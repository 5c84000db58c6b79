"""Settings for the tests of the data room."""

from hypothesis import settings

settings.register_profile("data", deadline=None)  # a shared machine may be slow: that is no bug
settings.load_profile("data")
