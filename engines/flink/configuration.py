"""How Flink is configured on this machine: its own settings, and the flags of its Java."""

from __future__ import annotations

LOGGING = [
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
    "-Dorg.slf4j.simpleLogger.log.org.apache.pekko=warn",
]

_PACKAGES = ("lang", "util", "net", "io", "nio", "lang.reflect", "text", "time", "util.concurrent")
_DEEPER = ("util.concurrent.atomic", "util.concurrent.locks")
OPENED = [
    *(f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in (*_PACKAGES, *_DEEPER)),
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
]
"""What Flink 1.19 reaches into and Java 17 keeps closed, as Flink's own configuration opens it."""

CLUSTER = """\
jobmanager.rpc.address: localhost
jobmanager.rpc.port: {rpc}
jobmanager.bind-host: localhost
taskmanager.bind-host: localhost
taskmanager.host: localhost
rest.address: localhost
rest.bind-address: localhost
rest.port: {rest}
taskmanager.numberOfTaskSlots: {slots}
taskmanager.memory.process.size: 2144m
# What waits for a worker that is slower than Flink lies outside of the heap: a hundred messages of 1 MB for each slot,
# and as much on its way back. Without room for it a job of some million rows fails, "call is closed".
taskmanager.memory.task.off-heap.size: 512m
# Beam needs heap, not memory that Flink manages; and at four tasks the default network memory has too few buffers.
taskmanager.memory.managed.fraction: 0.2
taskmanager.memory.network.min: 192m
taskmanager.network.sort-shuffle.min-buffers: 64
# Else two tasks may lie on one TaskManager while the other has none.
cluster.evenly-spread-out-slots: true
# The jars are the same in both loaders; a job that failed must not poison the next one.
classloader.resolve-order: parent-first
classloader.check-leaked-classloader: false
# What nobody catches ends the process: Flink restarts the tasks, where it would wait for ever.
cluster.uncaught-exception-handling: FAIL
heartbeat.interval: 2000
heartbeat.timeout: 10000
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 3
restart-strategy.fixed-delay.delay: 2 s
io.tmp.dirs: {home}/io
blob.storage.directory: {home}/blob
blob.service.cleanup.interval: 60
web.upload.dir: {home}/web
"""

MINI = """\
taskmanager.memory.network.min: 256m
taskmanager.memory.network.max: 256m
taskmanager.network.sort-shuffle.min-buffers: 64
io.tmp.dirs: {home}/io
"""
