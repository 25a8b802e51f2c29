"""SSTCN's maps of the mirrored signer: left and right change places."""

import numpy as np

MIRRORED_MAPS = np.array([0, 2, 1, 3, 4, 6, 5, 8, 7, 10, 9, *range(22, 33), *range(11, 22)])


def mirror_maps(maps: np.ndarray) -> np.ndarray:
    return maps[..., MIRRORED_MAPS, :, ::-1]
