"""The settings of one process: typed, frozen, and each with the place it came from.

`fields` has them all, `values` what they may be, and `loading` where they come from. Only `bootstrap` and the entry
points read them; everything else is given what it needs.
"""

from streetveil.settings.fields import Settings
from streetveil.settings.loading import LoadedSettings, load_settings, variables

__all__ = ["LoadedSettings", "Settings", "load_settings", "variables"]
