import { renderDiagnostics } from "#base/language/hcl/diagnostic.ts";
import { parseJob, type JobSource } from "#base/language/jobspec/parse-job.ts";
import type { Job } from "#base/protocol/job.ts";

export const REDIS = `job "redis-cache" {
  group "cache" {
    count = 2
    network {
      port "db" { static = 6379 }
    }
    task "redis" {
      driver = "docker"
      config {
        image = "redis:latest"
        ports = ["db"]
      }
      service {
        name = "fun-redis"
        port = "db"
        check {
          type     = "tcp"
          interval = "10s"
          timeout  = "2s"
        }
      }
    }
  }
}
`;

export const BIG = `
variable "image" {
  type    = string
  default = "nginx"
  validation {
    condition     = length(var.image) > 2
    error_message = "an image's name has more than two letters"
  }
}
variable "ports" {
  type    = map(number)
  default = { http = 8080, https = "8443" }
}
variables { tier = "gold" }
locals {
  full = "\${var.image}:\${local.tag}"
  tag  = "1.27"
}
job "web" {
  id          = "web-1"
  name        = "the-web"
  datacenters = ["dc*", "eu"]
  priority    = 70
  meta        = { tier = var.tier, n = 1 }
  constraint {
    attribute = "\${attr.kernel.name}"
    value     = "linux"
  }
  constraint { distinct_hosts = true }
  constraint {
    distinct_property = "\${meta.rack}"
    value             = 2
  }
  constraint {
    attribute = attr.nomad.version
    version   = ">= 1.6"
  }
  affinity {
    attribute = "\${node.datacenter}"
    value     = "eu"
    weight    = -20
  }
  spread {
    attribute = "\${node.datacenter}"
    target "eu" { percent = 70 }
    target "us" { percent = 30 }
  }
  update {
    max_parallel = 2
    canary       = 1
    auto_revert  = true
  }
  vault { policies = ["p"] }
  ui {
    description = "d"
    link {
      label = "docs"
      url   = "https://example.org"
    }
  }
  group "g" {
    max_client_disconnect = "1h"
    network {
      mode = "bridge"
      dns { servers = ["1.1.1.1"] }
      dynamic "port" {
        for_each = var.ports
        labels   = [port.key]
        content { to = port.value }
      }
    }
    volume "data" {
      type   = "host"
      source = "d1"
    }
    update { max_parallel = 3 }
    restart { attempts = 9 }
    scaling {
      min = 2
      max = 5
      policy { cooldown = "1m" }
    }
    service {
      port = 8080
      tags = ["a", "urlprefix-/x"]
      meta { k = "v" }
      check {
        type     = "http"
        path     = "/"
        interval = "5s"
        timeout  = "1s"
        header { Host = ["x", "y"] }
        check_restart {
          limit = 3
          grace = "90s"
        }
      }
    }
    task "t" {
      driver       = "docker"
      kill_timeout = "20s"
      env {
        URL = "http://\${NOMAD_ADDR_http}/$\${literal}"
        N   = 3
      }
      config {
        image = local.full
        mount {
          type = "bind"
          source = "a"
        }
        mount { type = "tmpfs" }
        logging {
          type = "json"
          config { max = 3 }
        }
        labels = { a = "b" }
      }
      template {
        data        = <<-EOT
          {{ range services }}
            x {{ . }}
          {{ end }}
        EOT
        destination = "local/x"
        change_mode = "signal"
        change_signal = "sighup"
        splay       = "3s"
        wait {
          min = "2s"
          max = "4s"
        }
      }
      artifact {
        source  = "https://example.org/a.tgz"
        options { checksum = "md5:0cc175b9c0f1b6a831c399e269772661" }
      }
      volume_mount {
        volume      = "data"
        destination = "/data"
      }
      identity {
        env = true
        ttl = "1h"
      }
      identity {
        name = "extra"
        aud  = ["x"]
      }
      resources {
        cpu    = 500
        memory = 128
        device "nvidia/gpu" { count = 2 }
      }
      lifecycle {
        hook    = "prestart"
        sidecar = true
      }
      logs { max_file_size = 3 }
      action "hello" { command = "/bin/echo" }
    }
    task "main" { driver = "mock" }
  }
  task "alone" {
    driver = "raw_exec"
    config { command = "/bin/true" }
  }
}
`;

export const read = (source: string, more: Partial<JobSource> = {}) =>
  parseJob({ source, fileName: "job.hcl", ...more });

export function job(source: string, more: Partial<JobSource> = {}): Job {
  const result = read(source, more);
  if (!result.ok) throw new Error(renderDiagnostics(result.diagnostics));
  return result.job;
}

/** `line message (hint)` of every complaint. */
export function complaints(source: string, more: Partial<JobSource> = {}): readonly string[] {
  const result = read(source, more);
  if (result.ok) return [];
  return result.diagnostics.map((d) => `${d.start.line} ${d.message}${d.hint === undefined ? "" : ` (${d.hint})`}`);
}
