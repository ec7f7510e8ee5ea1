"""Images: what they say (document, changes), which there are and what they are called (service), and how they come and
go (archive_load, archive_save, removal). Layers and blobs are the store's; registries are not known here."""
