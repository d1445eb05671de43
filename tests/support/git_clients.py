#!/usr/bin/env python3
"""Git clients that are libraries, each with its own SSH. Usage: git_clients.py LIBRARY URL KEY FOLDER TEXT

Clones URL into FOLDER with the private key KEY, commits TEXT as page.txt, pushes main, and prints what the server said meanwhile.
libgit2   its own transport over libssh2
dulwich   over paramiko
paramiko  URL is git@HOST:PORT: runs the commands FOLDER and TEXT at the same time over one connection and prints what they print
"""
import os
import sys
import urllib.parse

AUTHOR = ("Tester", "tester@example.org")


def write_page(folder, text):
    with open(os.path.join(folder, "page.txt"), "w", encoding="utf-8") as page:
        page.write(text)


def libgit2(url, key, folder, text):
    import pygit2

    class Callbacks(pygit2.RemoteCallbacks):
        def credentials(self, _url, user, _allowed):
            return pygit2.Keypair(user, key + ".pub", key, "")

        def certificate_check(self, _certificate, _valid, _host):
            return True

        def sideband_progress(self, said):
            sys.stdout.write(said)

        def push_update_reference(self, ref, refusal):
            if refusal:
                sys.exit(f"{ref}: {refusal}")

    repository = pygit2.clone_repository(url, folder, callbacks=Callbacks())
    write_page(folder, text)
    repository.index.add("page.txt")
    author = pygit2.Signature(*AUTHOR)
    tree = repository.index.write_tree()
    repository.create_commit("HEAD", author, author, text, tree, [repository.head.target])
    repository.index.write()
    repository.remotes["origin"].push(["refs/heads/main"], callbacks=Callbacks())


def dulwich(url, key, folder, text):
    from dulwich import client, porcelain
    from dulwich.contrib.paramiko_vendor import ParamikoSSHVendor

    class Vendor(ParamikoSSHVendor):
        def run_command(self, host, command, **options):
            options.pop("ssh_command", None)
            options.update(key_filename=key, look_for_keys=False, allow_agent=False)
            return super().run_command(host, command, **options)

    client.get_ssh_vendor = Vendor
    porcelain.clone(url, folder, errstream=sys.stdout.buffer)
    write_page(folder, text)
    porcelain.add(folder, paths=[os.path.join(folder, "page.txt")])
    name = "{} <{}>".format(*AUTHOR).encode()
    porcelain.commit(folder, message=text.encode(), author=name, committer=name)
    porcelain.push(folder, url, "refs/heads/main", outstream=sys.stdout.buffer, errstream=sys.stdout.buffer)


def paramiko(url, key, *commands):
    import paramiko as library

    address = urllib.parse.urlparse("ssh://" + url)
    client = library.SSHClient()
    client.set_missing_host_key_policy(library.AutoAddPolicy())
    client.connect(
        address.hostname, address.port, address.username, key_filename=key, look_for_keys=False, allow_agent=False
    )
    for _, output, _ in [client.exec_command(command) for command in commands]:
        sys.stdout.write(output.read().decode())
        if output.channel.recv_exit_status() != 0:
            sys.exit("a command failed")
    client.close()


{"libgit2": libgit2, "dulwich": dulwich, "paramiko": paramiko}[sys.argv[1]](*sys.argv[2:])
