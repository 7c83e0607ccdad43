import { existsSync, writeFileSync } from "node:fs";
import { CodedError } from "#base/env/errors.ts";
import type { RunCommand } from "../command/command.ts";

const SHORT = `job "example" {
  group "cache" {
    network {
      port "db" {
        to = 6379
      }
    }

    task "redis" {
      driver = "docker"

      config {
        image = "redis:7"
        ports = ["db"]
      }

      resources {
        cpu    = 500
        memory = 256
      }
    }
  }
}
`;

const LONG = `# A job: what shall run, how often, and what to do when it fails.
# "lares job run example.nomad.hcl" registers it, "lares job plan …" says what that would change.
job "example" {
  # service: runs for ever. batch: runs to its end. system: on every node. sysbatch: to its end on every node.
  type = "service"

  # How an update goes: one instance at a time, each healthy for ten seconds before the next.
  update {
    max_parallel      = 1
    min_healthy_time  = "10s"
    healthy_deadline  = "3m"
    progress_deadline = "10m"
    auto_revert       = false
    canary            = 0
  }

  # Tasks of one group run together on one node.
  group "cache" {
    count = 1

    network {
      port "db" {
        to = 6379
      }
    }

    # Found as redis-cache in discovery and DNS; only while its check passes.
    service {
      name = "redis-cache"
      port = "db"
      tags = ["global", "cache"]

      check {
        type     = "tcp"
        interval = "10s"
        timeout  = "2s"
      }
    }

    # On the same node: at most so often, then elsewhere.
    restart {
      attempts = 2
      interval = "30m"
      delay    = "15s"
      mode     = "fail"
    }

    ephemeral_disk {
      size = 300
    }

    task "redis" {
      driver = "docker"

      config {
        image = "redis:7"
        ports = ["db"]
      }

      resources {
        cpu    = 500 # MHz
        memory = 256 # MB
      }
    }
  }
}
`;

/** Writes an example job; an existing file stays. */
export const init: RunCommand = ({ flags, operands, output }) => {
  const path = operands[0] ?? "example.nomad.hcl";
  if (existsSync(path)) throw new CodedError("exists", `${path} is there already`, "Name another file.");
  writeFileSync(path, flags.on("short") ? SHORT : LONG);
  output.line(`Example job file written to ${path}`);
  return Promise.resolve(0);
};
