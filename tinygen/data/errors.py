"""The one exception that data raises."""


class DataError(ValueError):
    """Data that cannot be used: one sentence that names the cause and the remedy."""
