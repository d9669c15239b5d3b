"""Sans-I/O machines: message, chip reply and time in; message, chip command, timer and event out."""
