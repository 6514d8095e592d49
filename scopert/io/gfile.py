"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.io.files import GFile as GFile
from scopert.io.files import copy as copy
from scopert.io.files import exists as exists
from scopert.io.files import isdir as isdir
from scopert.io.files import listdir as listdir
from scopert.io.files import makedirs as makedirs
from scopert.io.files import match as glob
from scopert.io.files import mkdir as mkdir
from scopert.io.files import remove as remove
from scopert.io.files import rename as rename
from scopert.io.files import rmtree as rmtree
from scopert.io.files import stat as stat
from scopert.io.files import walk_v2 as walk

__all__ = [
    "GFile",
    "copy",
    "exists",
    "glob",
    "isdir",
    "listdir",
    "makedirs",
    "mkdir",
    "remove",
    "rename",
    "rmtree",
    "stat",
    "walk",
]
