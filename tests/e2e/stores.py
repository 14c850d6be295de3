"""Where the keys of a lab lie: each kind of store is a class with the same methods. Keys are relative to the prefix, as the
daemon's are; `name` is what the daemon calls the kind."""
import os
import pwd
import shutil

import netns
from etcd import Etcd
from etcd2_keys import Keys

PREFIX = "/bgp"


class _Servers:
    """Servers of etcd in the lab's first namespace."""

    flags = ()

    def __init__(self, lab):
        self.lab = lab
        self.members = []

    def start(self, count):
        ports = [2379 + 100 * index for index in range(count)]
        cluster = ",".join(f"etcd{i + 1}=http://127.0.0.1:{port + 1}" for i, port in enumerate(ports))
        self.members += [Etcd(self.lab, f"etcd{i + 1}", port, cluster, flags=self.flags) for i, port in enumerate(ports)]
        for member in self.members:
            member.start()
        for member in self.members:
            member.wait_ready()

    def arguments(self):
        """That the daemon is started with."""
        return "-c " + (",".join(member.url for member in self.members) or "http://127.0.0.1:2379")


class EtcdV3(_Servers):
    name = "etcd v3"

    def put(self, key, value):
        self.members[0].put(f"{PREFIX}/{key}", value)

    def put_all(self, values):
        self.members[0].put_all({f"{PREFIX}/{key}": value for key, value in values.items()})

    def delete(self, key):
        self.members[0].delete(f"{PREFIX}/{key}")

    def delete_all(self, keys):
        self.members[0].delete_all(f"{PREFIX}/{key}" for key in keys)

    def get(self, key):
        return self.members[0].get(f"{PREFIX}/{key}")

    def get_prefix(self, key):
        return {k[len(PREFIX) + 1:]: v for k, v in self.members[0].get_prefix(f"{PREFIX}/{key}").items()}


class _KeysInside(Keys):
    """From within a namespace."""

    def __init__(self, namespace, port):
        super().__init__(port)
        self.namespace = namespace

    def ask(self, *arguments, **more):
        with netns.inside(self.namespace):
            return super().ask(*arguments, **more)


class EtcdV2(_Servers):
    """The same servers by their v2 API: one key after the other, as it has no transactions."""

    name = "etcd v2"
    flags = ("--enable-v2=true",)

    def arguments(self):
        return super().arguments() + " --etcd-api v2"

    @property
    def _keys(self):
        return _KeysInside(self.lab.exa, self.members[0].port)

    def put(self, key, value):
        self._keys.put(f"{PREFIX}/{key}", value)

    def put_all(self, values):
        for key, value in values.items():
            self.put(key, value)

    def delete(self, key):
        self._keys.delete(f"{PREFIX}/{key}")

    def delete_all(self, keys):
        for key in keys:
            self.delete(key)

    def get(self, key):
        return self._keys.get(f"{PREFIX}/{key}")

    def get_prefix(self, key):
        """Here a prefix is a directory: "routes/web/"."""
        return {k[len(PREFIX) + 1:]: v for k, v in self._keys.below(f"{PREFIX}/{key}".rstrip("/")).items()}


class Directory:
    """Files that belong to the daemon's user."""

    name = "directory"

    def __init__(self, lab):
        self.lab = lab
        self.members = []
        self.dir = lab.dir / "store"

    def start(self, _count):
        self.make_directory(self.dir)

    def arguments(self):
        return f"-c file://{self.dir}"

    def make_directory(self, path):
        if not path.is_dir():
            self.make_directory(path.parent)
            path.mkdir()
            identity = pwd.getpwnam(self.lab.user)
            os.chown(path, identity.pw_uid, identity.pw_gid)

    def put(self, key, value):
        """As an editor does that replaces the file."""
        path = self.dir / key
        self.make_directory(path.parent)
        temporary = path.parent / ".new"
        temporary.write_text(value + "\n")
        temporary.rename(path)

    def put_all(self, values):
        for key, value in values.items():
            self.put(key, value)

    def delete(self, key):
        path = self.dir / key
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def delete_all(self, keys):
        for key in keys:
            self.delete(key)

    def get(self, key):
        path = self.dir / key
        return path.read_text().rstrip("\n") if path.exists() else None

    def get_prefix(self, key):
        return {str(path.relative_to(self.dir)): path.read_text().rstrip("\n")
                for path in (self.dir / key).rglob("[!.]*") if path.is_file()}


KINDS = {"v3": EtcdV3, "v2": EtcdV2, "dir": Directory}
