#!/usr/bin/env python3
"""hostile_tarballs.py FOLDER: writes source archives that must be refused, one for each way to do harm."""
import io
import os
import sys
import tarfile

folder = sys.argv[1]
os.makedirs(folder)


def entry(name, kind=tarfile.REGTYPE, link="", mode=0o644):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def write(name, entries, how="w:gz"):
    with tarfile.open(os.path.join(folder, name), how) as tar:
        for info, content in [(entry("Procfile"), b"web: ./web\n")] + entries:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


ESCAPED = "fairlead-escaped"
write("dotdot.tgz", [(entry("../" + ESCAPED), b"x")])
write("dotdot_inside.tgz", [(entry("a/../../" + ESCAPED), b"x")])
write("absolute.tgz", [(entry("/tmp/" + ESCAPED), b"x")])
write("through_link.tgz", [(entry("out", tarfile.SYMTYPE, "/tmp"), b""), (entry("out/" + ESCAPED), b"x")])
write("through_relative_link.tgz", [(entry("out", tarfile.SYMTYPE, "../.."), b""), (entry("out/" + ESCAPED), b"x")])
write("through_inner_link.tgz", [(entry("real", tarfile.DIRTYPE), b""), (entry("in", tarfile.SYMTYPE, "real"), b""), (entry("in/x"), b"x")])
write("hard_link_out.tgz", [(entry("same", tarfile.LNKTYPE, "/etc/passwd"), b"")])
write("hard_link_up.tgz", [(entry("same", tarfile.LNKTYPE, "../../../fairlead.db"), b"")])
write("hard_link_through_link.tgz", [(entry("out", tarfile.SYMTYPE, "/etc"), b""), (entry("same", tarfile.LNKTYPE, "out/passwd"), b"")])
write("device.tgz", [(entry("null", tarfile.CHRTYPE), b"")])
write("block_device.tgz", [(entry("disk", tarfile.BLKTYPE), b"")])
write("fifo.tgz", [(entry("pipe", tarfile.FIFOTYPE), b"")])
write("long_name.tgz", [(entry("x" * 300), b"x")])
write("deep.tgz", [(entry("d/" * 300 + "x"), b"x")])
write("many.tgz", [(entry("f%d" % i), b"") for i in range(3000)])
write("bomb.tgz", [(entry("zeros"), b"\0" * 100_000_000)])
write("bomb_in_git.tar.xz", [(entry(".git/zeros"), b"\0" * 100_000_000)], "w:xz")

write("truncated.tgz", [(entry("noise"), os.urandom(1_000_000))])
with open(os.path.join(folder, "truncated.tgz"), "rb") as file:
    whole = file.read()
with open(os.path.join(folder, "truncated.tgz"), "wb") as file:
    file.write(whole[: len(whole) // 2])
with open(os.path.join(folder, "noise.bin"), "wb") as file:
    file.write(os.urandom(100_000))
with open(os.path.join(folder, "zip.zip"), "wb") as file:
    file.write(b"PK\x03\x04" + bytes(200))
with open(os.path.join(folder, "empty.tar"), "wb") as file:
    file.write(bytes(10240))

# A file of 64 GiB without a byte of content, as GNU tar writes holes.
sparse = entry("holes", b"S")
header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
header[124:136] = b"00000000000\0"
header[386:398] = b"00000000000\0"
header[398:410] = b"00000000000\0"
header[483:495] = b"\x80" + (64 * 2**30).to_bytes(11, "big")
header[148:156] = b"        "
header[148:156] = b"%06o\0 " % sum(header)
with open(os.path.join(folder, "holes.tar"), "wb") as file:
    file.write(bytes(header) + bytes(1024))
