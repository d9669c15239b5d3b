"""What trust is: suites, deterministic encoding, signed objects, certificates; pure, no clock."""
