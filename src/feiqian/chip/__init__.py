"""The security chip: its commands, the host's session with it, and the reference applet."""
