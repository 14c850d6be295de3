"""What the tests of etcd's v2 API share: a client of its keys, and members that serve it."""
from etcd2_keys import Keys

V2 = ["--enable-v2=true"]


def keys(member, port=None, user=None):
    return Keys(port or member.port, user)


def member(lab, **options):
    return lab.member(flags=V2 + options.pop("flags", []), **options)


def probe(lab, endpoints, *flags, **options):
    return lab.probe(endpoints, *flags, api="v2", **options)
