"""Image registries (OCI distribution-spec): where they are, signing in, and moving documents and blobs to and fro.

Whatever a registry says is taken for hostile: sizes and depths have limits, content is checked against its digest while
it comes, and ``outbound`` decides where a connection may go and who gets to see a password. Images are not known here.
"""
