"""The demonstration: every party as in earnest, one act after the other, each checked as it goes."""
