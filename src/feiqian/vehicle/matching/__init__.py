"""Which service entity a vehicle stands at, judged from its positions alone, and never guessed."""
