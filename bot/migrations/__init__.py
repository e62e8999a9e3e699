"""Schema changes, one file each in `versions/`, run by Alembic inside one transaction."""

import sqlite3
from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

from bot.database import newer_schema
from bot.errors import StorageError


def upgrade(path: Path, version: str, to: str = "head") -> None:
    """Bring a database to a version of the schema, the whole way or not at all.

    Arguments:
        path: the SQLite file.
        version: what it has now; empty for a new file.

    Raises:
        StorageError: this program does not know the version, so a newer one has written the file; or the disk does not
            take it.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    if version and version not in {revision.revision for revision in script.walk_revisions()}:
        raise newer_schema(path, version)
    engine = sa.create_engine(f"sqlite:///{path}", creator=lambda: _connect(path))

    def run(environment: EnvironmentContext) -> None:
        with engine.connect() as connection:
            environment.configure(connection=connection, transactional_ddl=True)
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            environment.run_migrations()
            connection.exec_driver_sql("COMMIT")

    def steps(revision: object, _context: object) -> object:
        return script._upgrade_revs(to, revision)  # type: ignore[arg-type]

    try:
        with EnvironmentContext(config, script, fn=steps, destination_rev=to) as environment:
            run(environment)
    except sa.exc.OperationalError as error:
        raise StorageError(f"{path} cannot be brought up to date, and is as it was: {error.orig}") from error
    finally:
        engine.dispose()


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)
