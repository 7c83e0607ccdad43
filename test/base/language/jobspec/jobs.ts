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
