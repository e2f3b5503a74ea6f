"""What all tests share: examples of property tests may take their time, for the machine may be busy; Ctrl-C works."""

import signal

from hypothesis import settings

settings.register_profile("tidelock", deadline=None)
settings.load_profile("tidelock")

# A shell starts what it puts in the background with interrupts ignored, and so would every process that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
