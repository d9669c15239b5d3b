"""The card side of the security chip: the reference applet, pure; memory and entropy are given."""
