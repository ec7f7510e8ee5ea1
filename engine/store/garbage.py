"""What a crash left behind: found by comparing the disk with the rows, and dropped at start."""

import logging

from engine.host.failpoints import reach
from engine.host.removal import remove_tree
from engine.model.digest import Digest, chain_ids
from engine.store.content import ContentStore
from engine.store.layers import LayerStore
from engine.store.state import State

_log = logging.getLogger(__name__)


def sweep(content: ContentStore, layers: LayerStore, state: State) -> None:
    """Blocking; safe to repeat. Nothing else may use the store meanwhile."""
    for draft in content.drafts():
        remove_tree(draft)
    reach("sweep")
    images = state.images()
    needed = {chain for image in images for chain in chain_ids(image.diff_ids)}
    for container in state.containers():
        needed.update(chain_ids(container.layers))
    _sweep_layers(layers, state, needed)
    kept = {layer.blob for layer in state.layers()} | {image.id for image in images}
    for digest in content.digests():
        if digest not in kept:
            content.delete(digest)


def _sweep_layers(layers: LayerStore, state: State, needed: set[Digest]) -> None:
    rows = {layer.chain for layer in state.layers()}
    for chain in (rows | set(layers.on_disk())) - (needed & rows):
        layers.remove(chain)
    for chain in needed:
        if not layers.diff(chain).is_dir():
            _log.error("layer %s is gone from disk: remove and load again the images that need it", chain)
