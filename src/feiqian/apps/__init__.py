"""Programs that people start: command line, servers, demo; here the ports get their adapters."""
