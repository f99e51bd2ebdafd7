"""The one exception that data raises."""


class DataError(ValueError):
    """Data that cannot be used: one sentence that names the cause and the remedy.

    >>> try:
    ...     load("mnits")
    ... except DataError as error:
    ...     print(str(error)[:23])
    unknown dataset 'mnits'
    """
