"""The words that ``tests.fuzz`` types: what they are drawn from."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

TINY = ("dataset=xor", "epochs=1", "tracking=none")
"""What keeps a list of words that is right after all from taking long."""
WITNESSES: Sequence[Sequence[str]] = (
    ["hydra.verbose=1"],
    ["hydra.verbose=[a,b]"],
    ["hydra.job_logging.root.level=x"],
    ["tracking=[8,8]"],
    ["-m", "hydra/launcher=[1.5]"],
    ["--resolve"],
    ["-sc"],
    ["-sc", "install=bash"],
    ["--shell-completion", "query=bash"],
)
"""What has been wrong once."""
KEYS = (
    "network.hidden", "network", "epochs", "seed", "dtype", "shuffle", "patience", "keep", "log_every", "threads",
    "reuse", "checkpoint.epochs", "checkpoint.seconds", "checkpoint", "sweep.fail_fast", "sweep.dry_run", "sweep",
    "split.validation", "split.test", "split.seed", "split", "scale.features", "scale.target", "scale",
    "optimizer.learning_rate", "optimizer.batch_size", "optimizer.name", "dataset.name", "dataset.n_samples",
    "dataset.noise", "dataset.path", "dataset.target", "dataset.features", "dataset.separator", "loss.name",
    "initializer.std", "initializer.path", "activation.slope", "activation.alpha", "tracking.experiment",
    "tracking.model", "tracking.uri", "tracking.name", "experiment",
)  # fmt: skip
GROUPS = {
    "dataset": "xor moons sine csv diabetes wine blobs spiral",
    "loss": "auto mse mae bce cce",
    "output": "auto identity sigmoid softmax",
    "activation": "relu tanh leaky_relu identity",
    "optimizer": "minibatch batch sgd",
    "schedule": "constant",
    "initializer": "glorot he zeros file normal",
    "tracking": "none none none mlflow",
    "experiment": "regression softmax_classifier null",
    "sweep": "learning_rate activations",
    "hydra/launcher": "nnexp basic joblib",
    "hydra/sweeper": "basic",
    "hydra/job_logging": "default disabled none stdout",
    "hydra/hydra_logging": "default disabled none hydra_debug",
    "hydra/output": "default",
    "hydra/help": "default",
    "hydra/env": "default",
    "hydra/callbacks": "x",
}
HYDRA = (
    "verbose", "mode", "run", "run.dir", "sweep.dir", "sweep.subdir", "sweep", "output_subdir", "job", "job.name",
    "job.chdir", "job.num", "job.id", "job.env_set", "job.env_set.A", "job.env_copy", "job.config",
    "job.config.override_dirname.kv_sep", "job.config.override_dirname.exclude_keys", "job_logging",
    "job_logging.root", "job_logging.root.level", "job_logging.root.handlers", "job_logging.version",
    "job_logging.handlers", "job_logging.handlers.file.filename", "job_logging.handlers.file.class",
    "job_logging.loggers", "job_logging.formatters.simple.format", "job_logging.disable_existing_loggers",
    "job_logging.incremental", "hydra_logging", "hydra_logging.root.level", "hydra_logging.handlers.console.stream",
    "launcher", "launcher.workers", "launcher.n_jobs", "launcher._target_", "sweeper", "sweeper.params",
    "sweeper.params.seed", "sweeper.max_batch_size", "sweeper._target_", "callbacks", "callbacks.x",
    "callbacks.nnexp", "callbacks.nnexp._target_", "help", "help.template", "help.header", "help.app_name",
    "hydra_help", "hydra_help.template", "overrides", "overrides.task", "overrides.hydra", "runtime", "runtime.cwd",
    "runtime.output_dir", "runtime.choices", "runtime.version", "searchpath", "env",
)  # fmt: skip
FLAGS: Sequence[Sequence[str]] = (
    ["-m"], ["--multirun"], ["--run"], ["-r"], ["-c", "job"], ["-c", "hydra"], ["-c", "all"], ["--cfg", "x"],
    ["--cfg"], ["--help"], ["-h"], ["--hydra-help"], ["--info"], ["-i", "all"], ["--info", "config"],
    ["--info", "defaults"], ["--info", "defaults-tree"], ["--info", "plugins"], ["--info", "searchpath"],
    ["--info", "x"], ["--resolve"], ["--package", "optimizer"], ["-p", "optimizer.learning_rate"], ["-p", "x"],
    ["--package", "_global_"], ["--config-name", "config"], ["-cn", "x"], ["--config-name", "experiment/regression"],
    ["--config-path", "thesis"], ["-cp", "/nowhere"], ["--config-dir", "thesis"], ["-cd", "nowhere"],
    ["--config-dir", "table.csv"], ["--version"], ["-v"], ["--experimental-rerun", "table.csv"],
    ["--experimental-rerun"], ["--exp", "table.csv"], ["--experimental-r=table.csv"], ["--mul"], ["--conf", "x"],
    ["--config-n", "x"], ["--in"], ["--he"], ["--res"], ["--"], ["-"], ["---"], ["-x"], ["--nonsense"],
    ["--nonsense=1"],
)  # fmt: skip
PLAIN = (
    "1", "0", "-1", "2", "3", "0.5", "-0.0", "1e-300", "1e300", "1e999", "-1e999", "nan", "inf", "-inf", "0x10",
    "1_000", "007", "1e3", "true", "false", "null", "True", "NULL", "None", "yes", "x", "relu", "2147483648",
    "9223372036854775808", "1000000000000000000000000000000", "1.5.2", ".5", "5.", "+", "-", "~", "???", "...", ".",
    "..", "/", "table.csv", "thesis", "thesis/new", "r", "a/b",
)  # fmt: skip
ODD = (
    "", " ", "''", '""', "'", '"', "'a b'", '"a b"', "'it\\'s'", "a b", "a,b", "1,2", "1,,2", ",", "[", "]", "[]",
    "[1,2]", "[1.5]", "[a,[b,c]]", "[8,8]", "[[]]", "{", "}", "{}", "{a:1}", "{a:{b:[1,2]}}", "{a:1,a:2}", "{1:2}",
    "{null:1}", "{name:mse}", "{name:[mse]}", "(", "()", "range(3)", "range(0)", "range(1,2,0)", "choice(1,2)",
    "choice()", "glob(*)", "glob([a*,b*])", "interval(0,1)", "shuffle(1,2)", "sort(2,1)", "tag(t,choice(1,2))",
    "int(1.5)", "int(x)", "float(x)", "bool(2)", "str([1])", "json_str({a:1})", "extend_list(1,2)", "nonsense(1)",
    "os.system(x)", "${seed}", "${epochs}", "${nowhere}", "${", "${}", "${.}", "${..x}", "${oc.env:HOME}",
    "${oc.env:NOTHING,x}", "${oc.create:{}}", "${oc.decode:'1'}", "${now:%Y}", "${now:%Q\x01}", "${hydra:job.name}",
    "${hydra.job.name}", "${nnexp.hex:}", "${${seed}}", "\\${seed}", "a\\,b", "a\\", "\\", "a=b", "=", "a:b", ":",
    "@", "a@b", "%s", "%(message)s", "{0}", "$APP_NAME", "*", "?", "#x", "!!python/object/apply:os.getcwd []",
    "&a [*a]", "\ud83e\udde0".encode("utf-16", "surrogatepass").decode("utf-16"), "größe", "数", "e\u0301",
    "\u202ereversed", "\ufeffx", "\u00a0", "\udcff", "a\x1b[2Jb", "a\nb", "a\tb", "a\rb", "\x07", "\x7f", "x" * 300,
    "y" * 5000, "[" * 200, "[" * 150 + "]" * 150, "9" * 5000, "http://127.0.0.1:9", "http://me:word@127.0.0.1:9",
    "sqlite:///r.db", "ftp://x", "ext://sys.stdout", "cfg://x",
)  # fmt: skip
QUICK_ONLY = ("epochs", "patience")
"""Keys of which no large number is drawn: that would be a long run and no mistake."""


class Words:
    """Draws the words of one command after the other."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw

    def line(self) -> list[str]:
        """The words of a command; flags are mostly in front, since keys on both sides of one are refused."""
        draw = self._draw
        words = list(TINY)
        for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 4, 6))):
            makers: Sequence[Callable[[], list[str]]] = (
                self._own, self._own, self._own, self._group, self._group, self._hydra, self._hydra, self._flag, self._flag,
                self._place, self._misspelt, self._loose, self._witness,
            )  # fmt: skip
            made = draw.choice(makers)()
            place = 0 if made[0].startswith("-") and draw.random() < 0.8 else draw.randrange(len(words) + 1)
            words[place:place] = made
        if draw.random() < 0.1:
            words.append(draw.choice(words))
        if draw.random() < 0.1:
            words.remove(draw.choice(words))
        if draw.random() < 0.15:
            words.insert(0, "-m")
        return words

    def _own(self) -> list[str]:
        key = self._draw.choice(KEYS)
        value = self._value()
        if key in QUICK_ONLY and (len(value) > 4 or value[:2] == "1e"):
            value = "2"
        return [self._override(key, value)]

    def _group(self) -> list[str]:
        group = self._draw.choice(list(GROUPS))
        options = GROUPS[group].split()
        value = self._draw.choice(options)
        if self._draw.random() < 0.3:
            value = self._draw.choice(
                (f"[{value}]", f"{value},{self._draw.choice(options)}", value[:-1], self._value())
            )
        if self._draw.random() < 0.1:
            group = self._draw.choice((f"{group}@x", f"{group}@_global_", f"/{group}", f"{group}/", f"{group}@"))
        return [self._override(group, value)]

    def _hydra(self) -> list[str]:
        key, value = self._draw.choice(HYDRA), self._inside(self._value())
        if key.endswith("filename") and value == "table.csv":  # a log that is typed is appended to
            value = "r.log"
        return [self._override(f"hydra.{key}", value)]

    def _place(self) -> list[str]:
        key = self._draw.choice(("run.dir", "sweep.dir", "sweep.subdir", "output_subdir", "job.name"))
        return [
            f"hydra.{key}={self._draw.choice(('thesis', 'thesis/new', 'thesis/empty', '.', 'r', 'table.csv', 'table.csv/r'))}"
        ]

    def _flag(self) -> list[str]:
        return list(self._draw.choice(FLAGS))

    def _misspelt(self) -> list[str]:
        key = list(self._draw.choice((*KEYS, *GROUPS, *(f"hydra.{each}" for each in HYDRA))))
        place = self._draw.randrange(len(key))
        key[place : place + 1] = self._draw.choice(("", "x", "..", "_", key[place] * 2, "/", "@", "é", " "))
        return [self._override("".join(key), self._inside(self._value()))]

    def _loose(self) -> list[str]:
        word = self._draw.choice(
            (self._value(), f"{self._value()}=", f"={self._value()}", f"~{self._draw.choice(KEYS)}")
        )
        return [self._inside(word)]

    def _witness(self) -> list[str]:
        return list(self._draw.choice(WITNESSES))

    def _override(self, key: str, value: str) -> str:
        form = self._draw.random()
        if form < 0.75:
            return f"{key}={value}"
        forms = (
            f"+{key}={value}",
            f"++{key}={value}",
            f"~{key}",
            f"~{key}={value}",
            f"+{key}",
            key,
            f"{key}={value}={value}",
        )
        return self._draw.choice(forms)

    def _value(self) -> str:
        return self._draw.choice(PLAIN if self._draw.random() < 0.4 else ODD)

    @staticmethod
    def _inside(value: str) -> str:
        """What leads out of the directory is left out: who types a place may have it."""
        return "r" if value in ("/", "..") else value
