"""Sees when the host would wait for a device."""

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

READS = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "unique", "repeat_interleave")
"""Operations of torch whose result on the host depends on values on the device."""


class CountReads(TorchDispatchMode):
    """Counts what would make the host wait for a device: reads of values, and masks as indices."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        by_mask = name in ("index", "index_put", "index_put_") and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if any(name.startswith(read) for read in READS) or by_mask:
            self.counts[name] += 1
        return func(*args, **(kwargs or {}))
