"""One BIRD: started in a namespace, asked over its control socket (birdc's protocol, without a fork per question)."""
import re
import socket
import subprocess

CONFIG = """
router id {address};
log "{directory}/{name}.log" all;
{tables}
protocol device {{ }}
protocol bgp exa {{
  local {address} port 179 as {local_as};
  neighbor {neighbor} as {peer_as};
  passive;
  multihop;
  ipv4 {{ import all; export none; {options} }};
  ipv6 {{ import all; export none; {options} }};
  {channels}
}}
"""

FLOW_TABLES = "flow4 table flowtab4; flow6 table flowtab6;"
FLOW_CHANNELS = "\n  ".join(f"{kind} {{ table flowtab{kind[-1]}; import all; export none; }};" for kind in ("flow4", "flow6"))

ROUTE = re.compile(r"^(\S+)?\s+(unicast|unreachable|blackhole|prohibit)\s+\[exa\s")
FLOW = re.compile(r"^flow[46] \{ (.*)\}\s+\[exa\s")
# An attribute without a name has its code in hexadecimal; "[t]": it is transitive. A long list goes on below, indented.
ATTRIBUTE = re.compile(r"^\t(?:BGP\.(\w+)( \[t\])?:|\t)\s*(.*)$")


class Bird:
    def __init__(self, lab, name, address, neighbor, local_as, peer_as, options="", flow=False):
        self.lab, self.name, self.address = lab, name, address
        self.namespace = lab.namespace(name)
        self.control = lab.dir / f"{name}.ctl"
        self.config = lab.dir / f"{name}.conf"
        self.log_file = lab.dir / f"{name}.log"
        self.config.write_text(CONFIG.format(directory=lab.dir, name=name, address=address, neighbor=neighbor,
                                             local_as=local_as, peer_as=peer_as, options=options,
                                             tables=FLOW_TABLES if flow else "", channels=FLOW_CHANNELS if flow else ""))
        self.process = None

    def start(self):
        self.process = self.lab.spawn(["bird", "-f", "-c", self.config, "-s", self.control], self.namespace,
                                      f"{self.name}.out")
        self.lab.wait_for(lambda: self.ask("show status"), 10, f"BIRD {self.name} answers")

    def stop(self):
        self.lab.end(self.process)
        self.process = None

    def ask(self, command):
        """The lines of the answer, without their codes."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(10)
            link.connect(str(self.control))
            stream = link.makefile("rw")
            self._answer(stream)
            stream.write(command + "\n")
            stream.flush()
            return self._answer(stream)

    @staticmethod
    def _answer(stream):
        lines = []
        for line in stream:
            line = line.rstrip("\n")
            coded = re.match(r"^(\d{4})([- ])", line)
            lines.append(line[5:] if coded else line[1:])
            if coded and coded.group(2) == " ":
                return lines
        raise ConnectionError("BIRD ended the answer early")

    @staticmethod
    def _read(lines, head):
        """[(what `head` finds or None, {attribute: text})] of the answer to `show route … all`."""
        found, current, last = [], None, None
        for line in lines:
            begin = head.match(line)
            attribute = ATTRIBUTE.match(line)
            if begin:
                current = {}
                found.append((begin.group(1), current))
            elif not line.startswith("\t"):
                current = None  # of another table
            elif attribute and current is not None:
                last = attribute.group(1) or last
                earlier = (attribute.group(2) or "") if attribute.group(1) else current[last]
                current[last] = f"{earlier} {attribute.group(3)}".strip()
        return found

    def every_route(self):
        """[(prefix, {attribute: text})], both families; a prefix is there for each of its path identifiers."""
        found, prefix = [], None
        for named, attributes in self._read(self.ask("show route protocol exa all"), ROUTE):
            prefix = named or prefix
            found.append((prefix, attributes))
        return found

    def routes(self):
        """{prefix: {attribute: text}}, both families: origin, as_path, next_hop, med, community …"""
        return dict(self.every_route())

    def prefixes(self):
        return set(self.routes())

    def med(self, prefix):
        """The MED, or None: no such route, or a route without one."""
        text = self.routes().get(prefix, {}).get("med")
        return None if text is None else int(text)

    def has(self, prefix):
        return any(ROUTE.match(line) for line in self.ask(f"show route {prefix} protocol exa"))

    def flows(self):
        """{"dst 10.0.0.0/24; proto 6;": {attribute: text}}, both families; without flow tables nothing."""
        found = {}
        for table in ("flowtab4", "flowtab6"):
            for text, attributes in self._read(self.ask(f"show route table {table} protocol exa all"), FLOW):
                found[text.strip()] = attributes
        return found

    def counters(self):
        """{"updates": n, "withdraws": n} received from ExaBGP since the session came up, all families."""
        total = {"updates": 0, "withdraws": 0}
        for line in self.ask("show protocols all exa"):
            for word in total:
                if line.strip().startswith(f"Import {word}:"):
                    total[word] += int(line.split(":")[1].split()[0])
        return total

    def count(self):
        """Routes that BIRD holds, without listing them."""
        return sum(int(line.split()[1]) for line in self.ask("show protocols all exa")
                   if line.strip().startswith("Routes:"))

    def is_up(self):
        return any(re.match(r"^exa\s.*\bEstablished\b", line) for line in self.ask("show protocols"))

    def session_down(self):
        self.ask("disable exa")

    def session_up(self):
        self.ask("enable exa")
