"""The layers of the source and what each may use: base <- model <- core, base <- proto <- core, base, proto <- io <- core,
worker -> proto, the parts of io that WORKER_IO lists, model/{address,egress,prefix}."""
import re

import source

LAYERS = {
    "base": {"base"},
    "model": {"base", "model"},
    "proto": {"base", "proto"},
    "io": {"base", "proto", "io"},
    "worker": {"base", "proto", "worker"},
    "holder": {"base", "holder"},
    "core": {"base", "model", "proto", "io", "core"},
    "cli": {"base", "model", "proto", "io", "cli"},
}
WORKER_IO = {"io/loop.h", "io/channel.h", "io/child.h", "io/curl.h", "io/resolver.h", "io/stream.h", "io/tls.h",
             "io/web.h", "io/datagram.h", "io/endpoint.h", "io/ping.h"}
# Pure, and wanted where the connects are made and the prefixes of scripts are read.
WORKER_MODEL = {"model/address.h", "model/egress.h", "model/prefix.h"}
LIBRARIES = [
    (r"uv(/.*)?\.h|uv\.h", {"io"}),
    (r"curl/.*", {"io"}),
    (r"microhttpd\.h", {"io"}),
    (r"ares\.h", {"io"}),
    (r"openssl/.*", {"io"}),
    (r"(lua|lualib|lauxlib|luaconf)\.h|lua5\.4/.*", {"worker"}),
    (r"seccomp\.h", {"worker"}),
    (r"jansson\.h", {"base", "model", "proto", "core", "cli"}),
]
PURE = {"model", "proto"}
# Headers and calls by which a pure layer would touch the world. (arpa/inet.h only converts.)
IMPURE_HEADERS = re.compile(r"(time|unistd|fcntl|poll|signal|spawn|dirent|pthread|netdb|threads)\.h|"
                            r"sys/(time|socket|stat|epoll|inotify|mman|wait|ioctl|types|resource|prctl)\.h")
IMPURE_CALLS = re.compile(r"\b(clock_gettime|gettimeofday|time|localtime\w*|gmtime\w*|getenv|setenv|fopen|fprintf|printf|puts|"
                          r"open|read|write|close|socket|rand|random|srand|getrandom|sleep|usleep|nanosleep|fork|exec\w*|"
                          r"bc_mono_now|bc_log_(?!level|format)\w+|bc_log)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.MULTILINE)


def sources():
    for path in source.files(".c", ".h", ".def"):
        parts = path.relative_to(source.ROOT).parts
        if parts[0] == "src" and len(parts) > 2:
            yield path, parts[1], source.code_only(path.read_text(), keep_strings=True)


def test_each_folder_is_a_known_layer():
    unknown = sorted({layer for _, layer, _ in sources()} - set(LAYERS))
    assert not unknown, f"folders of src/ without rules here: {unknown}"


def test_includes_follow_the_layers():
    bad = []
    for path, layer, text in sources():
        for kind, name in INCLUDE.findall(text):
            if kind != '"':
                continue
            target = name.split("/")[0] if "/" in name else layer
            if target not in LAYERS:
                bad.append(f"{source.short(path)}: \"{name}\" is of no layer (include from src/)")
            elif target not in LAYERS[layer] and not (layer == "worker" and name in WORKER_IO | WORKER_MODEL):
                bad.append(f"{source.short(path)}: {layer} may not include \"{name}\"")
    assert not bad, "\n".join(bad)


def test_libraries_stay_in_their_layers():
    bad = []
    for path, layer, text in sources():
        for kind, name in INCLUDE.findall(text):
            for pattern, layers in LIBRARIES:
                if kind == "<" and re.fullmatch(pattern, name) and layer not in layers:
                    bad.append(f"{source.short(path)}: <{name}> belongs to {', '.join(sorted(layers))}")
    assert not bad, "\n".join(bad)


def test_model_and_proto_touch_nothing_outside():
    bad = []
    for path, layer, text in sources():
        if layer not in PURE:
            continue
        bad += [f"{source.short(path)}: <{name}> in a pure layer"
                for kind, name in INCLUDE.findall(text) if kind == "<" and IMPURE_HEADERS.fullmatch(name)]
        for number, line in enumerate(source.code_only(path.read_text()).splitlines(), 1):
            # A member or a declaration of that name is no call.
            call = IMPURE_CALLS.search(line)
            if call and not re.search(r"(\.|->)\s*" + re.escape(call.group(1)) + r"\s*\($", line[:call.end()]):
                bad.append(f"{source.short(path)}:{number}: {call.group(1)}() in a pure layer")
    assert not bad, "\n".join(bad)
