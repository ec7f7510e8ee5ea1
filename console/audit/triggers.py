"""The database's own rule for audit entries: added, never changed; removed only when a segment's file has them.

It stops accidents and code that goes round the models. Who may change triggers is found by the seals instead. A later
migration that alters the table must call ``make_triggers`` again: SQLite makes such a table anew, without them.
"""

from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

_TABLE: Final = "audit_auditentry"
_SEALED: Final = "(SELECT COALESCE(MAX(last), 0) FROM audit_auditsegment)"
_CHANGED: Final = "audit entries are never changed"
_REMOVED: Final = "audit entries are removed only after they were sealed into a file"

_SQLITE: Final = (
    f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON {_TABLE} BEGIN SELECT RAISE(ABORT, '{_CHANGED}'); END",
    f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON {_TABLE} WHEN OLD.seq > {_SEALED} "
    f"BEGIN SELECT RAISE(ABORT, '{_REMOVED}'); END",
)
_POSTGRESQL: Final = (
    f"""CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND OLD.seq <= {_SEALED} THEN RETURN OLD; END IF;
        IF TG_OP = 'UPDATE' THEN RAISE EXCEPTION '{_CHANGED}'; END IF;
        RAISE EXCEPTION '{_REMOVED}';
    END $$""",
    f"CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON {_TABLE} "
    "FOR EACH ROW EXECUTE FUNCTION audit_refuse_change()",
    f"CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON {_TABLE} "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()",
)


def make_triggers(connection: BaseDatabaseWrapper) -> None:
    _execute(connection, _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE)


def drop_triggers(connection: BaseDatabaseWrapper) -> None:
    """Safe to repeat."""
    if connection.vendor == "postgresql":
        _execute(connection, ["DROP FUNCTION IF EXISTS audit_refuse_change() CASCADE"])
    else:
        _execute(connection, ["DROP TRIGGER IF EXISTS audit_no_update", "DROP TRIGGER IF EXISTS audit_no_delete"])


def _execute(connection: BaseDatabaseWrapper, statements: "tuple[str, ...] | list[str]") -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
