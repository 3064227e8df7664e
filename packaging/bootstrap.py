"""
The first Python of a frozen build, in the place of PyInstaller's own bootstrap.

Its rule: it does what our program needs, and nothing else. PyInstaller's loads ctypes and
pkgutil for hooks that nothing here stands on, looks for eggs, and takes VIRTUAL_ENV from the
environment, which children get as the caller has it.
"""

import encodings
import marshal
import os
import sys
import zlib

import pyimod01_archive as archive
import pyimod02_importers as importers

PACKAGES = {archive.PYZ_ITEM_PKG, archive.PYZ_ITEM_NSPKG}


def extract(reader, name, raw=False):
    """
    Read a module from the file that was there when we began.

    PyInstaller's opens it anew for each, which ends a session when an upgrade removes the file.
    """
    kind, offset, length = reader.toc[name]
    if kind == archive.PYZ_ITEM_NSPKG:
        return None
    code = zlib.decompress(os.pread(program, length, reader._start_offset + offset))
    return code if raw else marshal.loads(code)


def iter_modules(finder, prefix=""):
    """Tell pkgutil which modules a package holds."""
    for name, (kind, *_) in importers.pyz_archive.toc.items():
        package, _, module = name.rpartition(".")
        if package == finder._pyz_entry_prefix:
            yield prefix + module, kind in PACKAGES


importers.install()
importers.PyiFrozenFinder.iter_modules = iter_modules
if hasattr(os, "pread"):  # not on Windows, which removes no open file either
    while (program := os.open(importers.pyz_archive._filename, os.O_RDONLY)) <= 2:
        # The caller closed a stream; who writes to it must not meet the program.
        os.close(program)
        os.open(os.devnull, os.O_RDWR)
    archive.ZlibArchiveReader.extract = extract
sys.frozen = True  # what libraries ask for
# Python 3.15 has `encodings` in itself, but most of its modules are still beside us.
encodings.__path__.append(os.path.join(sys._MEIPASS, "base_library.zip", "encodings"))
