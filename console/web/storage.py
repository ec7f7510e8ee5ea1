"""Static files under hashed names, the imports inside our own ES modules included."""

from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped]  # no stubs


class Storage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # no stubs
    support_js_module_import_aggregation = True
    # not other people's scripts: what looks like an import in them need not be one (django_htmx ships such a file)
    _js_module_import_aggregation_patterns = (
        "js/*.js",
        CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns[1],
    )
