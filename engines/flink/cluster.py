"""A Flink cluster of one's own on loopback: one JobManager, two TaskManagers and Beam's job server, from Maven jars.

    python -m engines.flink.cluster up | mini | status | down

`mini` is the job server alone, with Flink inside it: two seconds to start, for quick tests. Everything lies in one
folder (FLINK_HOME, else .flink in the current one): jars, configuration, logs, and the pids of what was started.
Beam's and Flink's ports know no password, and whoever reaches them runs code here: they are bound to loopback only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engines.flink import rest
from engines.flink.configuration import CLUSTER, LOGGING, MINI, OPENED
from engines.flink.daemons import Daemons, until
from schemas.errors import BadInput, TuwenError, WorkFailed

POM = Path(__file__).with_name("pom.xml")
PATIENCE = 300.0  # seconds to come up in: an idle machine takes 9, one with a load of 14 took 70
TASK_MANAGERS = 2
SLOTS = 2  # of each: four tasks at a time


@dataclass(frozen=True)
class Ports:
    """Where the cluster listens, on loopback. Tests take free ones; the defaults are those that everybody knows."""

    rest: int = 8081
    rpc: int = 6123
    job: int = 8099
    artifact: int = 8098
    expansion: int = 8097

    @classmethod
    def of(cls, said: dict[str, str]) -> Ports:
        """The ports that FLINK_PORTS names, as `rest=18081,job=18099`, and the defaults for the rest."""
        named = dict(word.split("=", 1) for word in said.get("FLINK_PORTS", "").split(",") if "=" in word)
        try:
            return cls(**{name: int(port) for name, port in named.items()})
        except (TypeError, ValueError):
            raise BadInput(
                "FLINK_PORTS: give NAME=NUMBER,…; the names are rest, rpc, job, artifact, expansion"
            ) from None


@dataclass(frozen=True)
class Cluster:
    """One cluster: its folder, its ports, the folder of its jars, which several may share, and settings that win."""

    home: Path
    ports: Ports
    jars: Path
    settings: str = ""

    def up(self) -> None:
        """Start what does not run yet, and wait until it takes jobs. Raises BadInput beside `mini`."""
        if self.daemons.runs("jobserver") and not self.daemons.runs("jobmanager"):
            raise BadInput("flink-mini runs, and jobs would go there; say make flink-down first")
        self._prepare(CLUSTER)
        master = f"localhost:{self.ports.rest}"
        entry = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
        self._start("jobmanager", ["-Xmx512m", "-cp", self._jars, entry, *self._configured])
        for number in range(1, TASK_MANAGERS + 1):
            self._start(f"taskmanager{number}", self._task_manager())
        self._start("jobserver", self._job_server(master))
        self._wait(lambda: rest.task_managers(self.page) == TASK_MANAGERS and self._takes_jobs())

    def mini(self) -> None:
        """Start the job server with Flink inside, and wait until it takes jobs. Raises BadInput beside `up`."""
        if self.daemons.runs("jobmanager"):
            raise BadInput("a cluster runs, and jobs would go there; say make flink-down first")
        self._prepare(MINI)
        self._start("jobserver", self._job_server("[local]"))
        self._wait(self._takes_jobs)

    def down(self) -> None:
        """End what was started, workers included."""
        self.daemons.end()

    def status(self) -> str:
        """One line for each process."""
        lines = [f"job endpoint   localhost:{self.ports.job}   flink   {self.page}"]
        for name in self.daemons.names():
            state = "running" if self.daemons.runs(name) else "ended; see its log"
            lines.append(f"{name:<14} pid {self.daemons.pid(name):<8} {state}")
        return "\n".join(
            lines if len(lines) > 1 else ["nothing runs; start it with: make flink-up, or make flink-mini"]
        )

    @property
    def daemons(self) -> Daemons:
        """What was started."""
        return Daemons(self.home / "pid")

    @property
    def page(self) -> str:
        """Where Flink shows its jobs."""
        return f"http://localhost:{self.ports.rest}"

    @property
    def _jars(self) -> str:
        return f"{self.jars}/*"

    @property
    def _configured(self) -> list[str]:
        return ["--configDir", str(self.home / "conf")]

    def _prepare(self, configuration: str) -> None:
        for program in ("java", "mvn"):
            if shutil.which(program) is None:
                raise BadInput(
                    f"{program} is not on the PATH: Flink needs Java 17 and Maven; install them and try again"
                )
        for name in ("conf", "log", "io", "blob", "artifacts", "web"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        fetch_jars(self.jars)
        text = configuration.format(home=self.home, rest=self.ports.rest, rpc=self.ports.rpc, slots=SLOTS)
        (self.home / "conf" / "flink-conf.yaml").write_text(text + self.settings)

    def _task_manager(self) -> list[str]:
        """The command of a TaskManager: Flink computes its memory, as its own shell scripts let it do."""
        tool = "org.apache.flink.runtime.util.bash.BashJavaUtils"
        command = ["java", "-cp", self._jars, tool, "GET_TM_RESOURCE_PARAMS", *self._configured]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        marked = [line.partition(":")[2] for line in said if line.startswith("BASH_JAVA_UTILS_EXEC_RESULT:")]
        flags, dynamic = marked[0].split(), marked[1].split()
        runner = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
        # A heap that is full would only be logged by the thread that met it, and the job would wait for ever.
        return ["-XX:+ExitOnOutOfMemoryError", *flags, "-cp", self._jars, runner, *self._configured, *dynamic]

    def _job_server(self, master: str) -> list[str]:
        ports = (f"--{name}-port={getattr(self.ports, name)}" for name in ("job", "artifact", "expansion"))
        driver = "org.apache.beam.runners.flink.FlinkJobServerDriver"
        where = [f"--flink-master={master}", f"--flink-conf-dir={self.home / 'conf'}", "--job-host=localhost"]
        return [
            *("-Xmx768m", "-cp", f"{self.jars / _UNSTAGED}/*", driver),
            *where,
            *ports,
            f"--artifacts-dir={self.home / 'artifacts'}",
        ]

    def _start(self, name: str, arguments: list[str]) -> None:
        """Start a Java process in a session of its own, unless it runs; its workers belong to it."""
        if not self.daemons.runs(name):
            self.daemons.start(
                name, ["java", *LOGGING, *OPENED, *arguments], self.home / "log" / f"{name}.log", self.home
            )

    def _takes_jobs(self) -> bool:
        return b"JobService started" in (self.home / "log" / "jobserver.log").read_bytes()

    def _wait(self, ready: Callable[[], bool]) -> None:
        def ended() -> str:
            return next((name for name in self.daemons.names() if not self.daemons.runs(name)), "")

        if not until(lambda: ready() or bool(ended()), PATIENCE) or not ready():
            name = ended()
            fault = f"{name} ended; see {self.home / 'log' / name}.log" if name else f"not up after {PATIENCE:.0f} s"
            self.down()
            raise WorkFailed(f"flink: {fault}; are its ports free? FLINK_PORTS=rest=18081,job=18099,… takes others")


_UNSTAGED = Path("gradle") / "wrapper"
"""Where the job server has its jars: Beam uploads its class path with every job, 157 MB and 15 seconds, but for paths
of this name. The cluster has the same jars already. Should Beam change that, jobs become slow again, not wrong."""


def fetch_jars(folder: Path) -> None:
    """Let Maven fetch the jars of the pom, checksums verified, unless they are those of this very pom already."""
    stamp, digest = folder / ".pom", hashlib.sha256(POM.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    shutil.rmtree(folder, ignore_errors=True)
    print("flink: fetching 160 MB of jars with Maven, once", file=sys.stderr)
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    done = subprocess.run(["mvn", "-q", "-B", "-C", "-f", str(POM), *goal], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = next((line for line in done.stdout.splitlines() if "ERROR" in line), "no reason given")
        raise WorkFailed(f"flink: Maven could not fetch the jars ({reason[:300]}); see that it reaches its repository")
    (folder / _UNSTAGED).mkdir(parents=True)
    for jar in folder.glob("*.jar"):
        os.link(jar, folder / _UNSTAGED / jar.name)
    stamp.write_text(digest)


def main() -> None:
    """Do what the command line says."""
    home = Path(os.environ.get("FLINK_HOME", ".flink")).resolve()
    cluster = Cluster(home, Ports.of(dict(os.environ)), home / "lib")
    verbs: dict[str, Callable[[], None]] = {"up": cluster.up, "mini": cluster.mini, "down": cluster.down}
    word = sys.argv[1] if len(sys.argv) == 2 else ""
    try:
        if word != "status" and word not in verbs:
            raise BadInput("usage: python -m engines.flink.cluster up | mini | status | down")
        verbs.get(word, lambda: None)()
    except TuwenError as error:
        sys.exit(f"{error}" if error.exit_code == 1 else _usage(error))
    if word != "down":
        print(cluster.status())


def _usage(error: TuwenError) -> int:
    print(error, file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    main()
