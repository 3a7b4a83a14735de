"""Opening the database for an operator's command, without starting a meter."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mai_usage_ext.bootstrap import database_for
from mai_usage_ext.host.seams import host_database_url, prototype_in_host
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.version import __version__

__all__ = ["open_migrator"]


@contextmanager
def open_migrator(environ: Mapping[str, str]) -> Iterator[Migrator]:
    """The migrator of the database the settings name. Raises ``ConfigurationError``."""
    settings = Settings.from_env(environ)
    host_url = None if settings.database_url is not None else host_database_url(environ)
    url, _, setting = database_for(settings, host_url)
    # A command leaves the journal mode as it finds it: the file may be the host's.
    database = open_database(url, owned=False, setting=setting)
    try:
        yield Migrator(database, version=__version__, prototype_in_host=prototype_in_host())
    finally:
        close_database(database)
