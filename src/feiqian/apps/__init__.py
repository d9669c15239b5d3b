"""Programs that people start: command line, servers, console and demo; all wiring is in bootstrap."""
