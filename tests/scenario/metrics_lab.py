"""What tests of metrics share: a scrape as a table of samples, and which test moves which metric."""
import json
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from lua_scene import Scene as LuaScene
from ports import free_port
from wait import wait_for

ROOT = pathlib.Path(os.environ["BC_SOURCE"])
PROMETHEUS = ROOT / "examples/prometheus"
sys.path.insert(0, str(ROOT / "tests/lint"))
import gen_metrics  # noqa: E402

LISTED = {name: (kind, labels) for _, name, kind, labels, _ in gen_metrics.metrics()}
MOVED = set()  # by some test
_ENDINGS = {"histogram": ("_bucket", "_sum", "_count")}


def moves(*names):
    """The test sees other samples of these metrics at different times; the scene's fixture looks after that."""
    unknown = set(names) - set(LISTED)
    assert not unknown, unknown
    MOVED.update(names)

    def mark(test):
        test.moves = names
        return test
    return mark


class Scrape:
    """samples: {name: {labels, sorted: value}}; a histogram has its three names."""

    def __init__(self, text):
        self.text, self.samples, self.types = text, {}, {}
        assert text.rstrip("\n").endswith("# EOF"), text[-200:]
        for family in text_string_to_metric_families(text):
            name = family.name + ("_total" if family.type == "counter" else "")
            assert name not in self.types, f"{name} is told twice"
            self.types[name] = family.type
            for sample in family.samples:
                key = tuple(sorted(sample.labels.items()))
                table = self.samples.setdefault(sample.name, {})
                assert key not in table, f"{sample.name}{key} is told twice"
                table[key] = sample.value

    def of(self, name):
        """All samples of a metric of the list."""
        endings = _ENDINGS.get(LISTED[name][0], ("",))
        return {(ending, *key): value for ending in endings for key, value in self.samples.get(name + ending, {}).items()}

    def value(self, name, **labels):
        """Of the only sample that has these labels; None when there is none."""
        found = [value for key, value in self.samples.get(name, {}).items() if labels.items() <= dict(key).items()]
        assert len(found) < 2, (name, labels, found)
        return found[0] if found else None

    def labels(self, name, label):
        return {dict(key)[label] for key in self.samples.get(name, {})}


class Scene(LuaScene):
    def __init__(self, folder):
        super().__init__(folder)
        self.scrapes = []

    def print(self, *more):
        """What the command prints: (exit code, stdout, stderr)."""
        done = subprocess.run([os.environ["BGPCOMMANDER"], "metrics", f"--socket={self.daemon.socket}", "-n=n1", *more],
                              capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def scrape(self):
        code, text, errors = self.print()
        assert code == 0, errors
        self.scrapes.append(Scrape(text))
        return self.scrapes[-1]

    def try_scrape(self):
        """None while no core answers."""
        code, text, _ = self.print()
        if code != 0:
            return None
        self.scrapes.append(Scrape(text))
        return self.scrapes[-1]

    def wait_value(self, name, value, seconds=20, **labels):
        """A number, or what says whether one is it."""
        def is_it():
            scrape = self.try_scrape()
            found = scrape and scrape.value(name, **labels)
            return scrape if found is not None and (value(found) if callable(value) else found == value) else None
        return wait_for(is_it, f"{name} {labels} is as it should be", seconds, pause_s=0.1)

    def judge_moves(self, names):
        for name in names:
            seen = [tuple(sorted(scrape.of(name).items())) for scrape in self.scrapes]
            assert len(set(seen)) > 1, f"{name} is always {seen[:1]}"


def promtool(text):
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


class Prometheus:
    """A real one, which scrapes the daemon at this port."""

    def __init__(self, folder, port, rules, pause="1s"):
        self.url = f"http://127.0.0.1:{free_port()}"
        (folder / "prometheus.yml").write_text(
            f"global: {{scrape_interval: {pause}, evaluation_interval: {pause}}}\nrule_files: ['{rules}']\n"
            f"scrape_configs:\n- job_name: bgpcommander\n  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n")
        self.log = open(folder / "prometheus.log", "wb")
        self.process = subprocess.Popen(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                         f"--web.listen-address={self.url[7:]}"], stdout=self.log, stderr=self.log)

    def ask(self, path, **query):
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            return error.read().decode()
        except OSError:
            return None

    def firing(self):
        """The names of the alerts."""
        found = self.ask("alerts")
        return {alert["labels"]["alertname"] for alert in found["alerts"] if alert["state"] == "firing"} if isinstance(found, dict) else None

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()
