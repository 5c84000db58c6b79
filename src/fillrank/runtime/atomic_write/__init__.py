"""Write files and folders safely: after a crash or a kill there is the whole new one or the whole old one."""

from fillrank.runtime.atomic_write.exchange import put_folder
from fillrank.runtime.atomic_write.full_disk import disk_full_in_words, full_disk_reason
from fillrank.runtime.atomic_write.locks import lock, only_one, turn
from fillrank.runtime.atomic_write.seal import UNSEALED, is_sealed, seal
from fillrank.runtime.atomic_write.targets import check_file, check_folder, check_inside, check_room
from fillrank.runtime.atomic_write.temporary import beside, old_folder, remove_leftovers, replacing, sync, sync_folder

__all__ = [
    "UNSEALED",
    "beside",
    "check_file",
    "check_folder",
    "check_inside",
    "check_room",
    "disk_full_in_words",
    "full_disk_reason",
    "is_sealed",
    "lock",
    "old_folder",
    "only_one",
    "put_folder",
    "remove_leftovers",
    "replacing",
    "seal",
    "sync",
    "sync_folder",
    "turn",
]
