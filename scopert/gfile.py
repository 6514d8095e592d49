"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.io.files import GFile as FastGFile
from scopert.io.files import GFile as GFile
from scopert.io.files import GFile as Open
from scopert.io.files import copy as Copy
from scopert.io.files import exists as Exists
from scopert.io.files import isdir as IsDirectory
from scopert.io.files import listdir as ListDirectory
from scopert.io.files import makedirs as MakeDirs
from scopert.io.files import match as Glob
from scopert.io.files import mkdir as MkDir
from scopert.io.files import remove as Remove
from scopert.io.files import rename as Rename
from scopert.io.files import rmtree as DeleteRecursively
from scopert.io.files import stat as Stat
from scopert.io.files import walk as Walk

__all__ = [
    "Copy",
    "DeleteRecursively",
    "Exists",
    "FastGFile",
    "GFile",
    "Glob",
    "IsDirectory",
    "ListDirectory",
    "MakeDirs",
    "MkDir",
    "Open",
    "Remove",
    "Rename",
    "Stat",
    "Walk",
]
