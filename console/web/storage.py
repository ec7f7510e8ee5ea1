"""Static files under hashed names, the imports inside ES modules included."""

from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped]  # no stubs


class Storage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # no stubs
    support_js_module_import_aggregation = True
