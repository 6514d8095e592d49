"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.print_ops import string_format as format
from scopert.ops.string_hash import string_to_hash_bucket as to_hash_bucket
from scopert.ops.string_hash import string_to_hash_bucket_fast as to_hash_bucket_fast
from scopert.ops.string_hash import string_to_hash_bucket_strong as to_hash_bucket_strong
from scopert.ops.string_join import string_join as join
from scopert.ops.string_numbers import as_string as as_string
from scopert.ops.string_numbers import string_to_number as to_number
from scopert.ops.string_split import reduce_join as reduce_join
from scopert.ops.string_split import strings_split as split
from scopert.ops.string_text import regex_full_match as regex_full_match
from scopert.ops.string_text import regex_replace as regex_replace
from scopert.ops.string_text import string_length as length
from scopert.ops.string_text import string_lower as lower
from scopert.ops.string_text import string_strip as strip
from scopert.ops.string_text import string_upper as upper
from scopert.ops.string_text import substr as substr

__all__ = [
    "as_string",
    "format",
    "join",
    "length",
    "lower",
    "reduce_join",
    "regex_full_match",
    "regex_replace",
    "split",
    "strip",
    "substr",
    "to_hash_bucket",
    "to_hash_bucket_fast",
    "to_hash_bucket_strong",
    "to_number",
    "upper",
]
