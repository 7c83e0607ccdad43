// One test file costs a process (or thread) start, so there is one per module folder; two at a time fit two cores.
export default {
  // Those that boot machines of their own take minutes: see ava.guests.config.js.
  files: ["test/**/*.test.ts", "!test/**/*.guest.test.ts"],
  extensions: ["ts"],
  // Processes, not threads: tests use node:sqlite, real signals, process.env and native bindings, and a crash must not take its neighbours along.
  workerThreads: false,
  concurrency: 2,
  // Longest silence before a file counts as hung (a build under QEMU is the longest step).
  timeout: "3m",
  require: ["./scripts/test/worker-end.ts"],
  nodeArguments: ["--disable-warning=ExperimentalWarning"],
};
