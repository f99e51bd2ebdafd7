"""The one exception that data raises: catch `DataError` to tell a user what to do."""


class DataError(ValueError):
    """Data that cannot be used: one sentence that names the cause and the remedy.

    >>> try:
    ...     load("mnits")
    ... except DataError as error:
    ...     print(str(error)[:23])
    unknown dataset 'mnits'
    """
