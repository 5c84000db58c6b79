"""Find losses, samplers and encoders by name: fillrank's own, registered ones, and those of installed packages."""

from fillrank.registry.entry_points import Offer, offers
from fillrank.registry.records import is_record, is_usual, label, plain, record_of, settings_of
from fillrank.registry.registry import Registry
from fillrank.registry.signatures import check_call, check_settings, parameters_of

__all__ = [
    "Offer",
    "Registry",
    "check_call",
    "check_settings",
    "is_record",
    "is_usual",
    "label",
    "offers",
    "parameters_of",
    "plain",
    "record_of",
    "settings_of",
]
