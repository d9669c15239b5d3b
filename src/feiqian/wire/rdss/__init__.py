"""The sentences between a BeiDou short-message module and its host, as two dialects."""
