"""The service entity: serves what is matched, and is paid by fee order."""
