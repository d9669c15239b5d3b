"""The shipped kit that proves an installation: simulated world, faulty links, soft chips, auditor, catalogue."""
