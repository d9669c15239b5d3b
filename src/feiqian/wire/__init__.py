"""Bytes <-> frozen messages: everything that two parties say to each other; pure, no I/O."""
