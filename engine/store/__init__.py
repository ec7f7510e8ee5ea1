"""Everything the engine keeps on disk: content by digest, layers, state.

    DATA/engine.lock              held by flock(2) while an engine runs on this tree (locks.InstanceLock)
    DATA/state.db                 SQLite: containers, images, tags, layers, build cache, settings (state.State)
    DATA/blobs/sha256/HEX         image configurations and compressed layers (content.ContentStore)
    DATA/layers/CHAIN/diff        one unpacked layer, as overlayfs reads it (layers.LayerStore)
    DATA/ballast                  room for the day the disk is full (ballast)
    DATA/tmp/                     drafts of all of these; emptied at start

Durable before visible: a draft is written, renamed into place, synced with its new name, and only then does a row
name it. Removal goes the other way round. So what a row names is whole, and what no row names may be dropped at start.
"""
