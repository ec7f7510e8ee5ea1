"""The bell of the list of secrets."""

from console.live.topics import register_rows
from console.operations.permissions import Permission

register_rows("rows.secrets", Permission.SECRET_VIEW)
