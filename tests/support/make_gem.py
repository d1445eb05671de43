"""make_gem.py FOLDER NAME VERSION TEXT: a gem as RubyGems reads it, whose module and whose program, both of its name, say TEXT."""
import gzip
import io
import sys
import tarfile

SPECIFICATION = """--- !ruby/object:Gem::Specification
name: {name}
version: !ruby/object:Gem::Version
  version: '{version}'
platform: ruby
authors:
- Test
bindir: bin
executables:
- {name}
date: 2024-01-01 00:00:00.000000000 Z
files:
- lib/{name}.rb
- bin/{name}
require_paths:
- lib
required_ruby_version: !ruby/object:Gem::Requirement
  requirements:
  - - ">="
    - !ruby/object:Gem::Version
      version: '0'
rubygems_version: 3.3.0
specification_version: 4
summary: A test
"""


def add(tar, path, text, mode=0o644):
    info = tarfile.TarInfo(path)
    data = text if isinstance(text, bytes) else text.encode()
    info.size, info.mode = len(data), mode
    tar.addfile(info, io.BytesIO(data))


def main():
    folder, name, version, text = sys.argv[1:]
    files = io.BytesIO()
    with tarfile.open(fileobj=files, mode="w:gz", format=tarfile.USTAR_FORMAT) as tar:
        add(tar, f"lib/{name}.rb", f'module {name.capitalize()}; TEXT = "{text}".freeze; end\n')
        add(tar, f"bin/{name}", f"#!/usr/bin/env ruby\nputs '{text}'\n", 0o755)
    with tarfile.open(f"{folder}/{name}-{version}.gem", "w", format=tarfile.USTAR_FORMAT) as gem:
        add(gem, "metadata.gz", gzip.compress(SPECIFICATION.format(name=name, version=version).encode()))
        add(gem, "data.tar.gz", files.getvalue())


if __name__ == "__main__":
    main()
