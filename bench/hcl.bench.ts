import { createRequire } from "node:module";
import { canonicalize } from "#base/language/jobspec/canonicalize.ts";
import { parseJob } from "#base/language/jobspec/parse-job.ts";
import { parseHcl } from "#base/language/hcl/parse.ts";
import { validateJob } from "#base/language/jobspec/validate/validate-job.ts";
import { timeMs, type Bench, type Contestant } from "./harness.ts";

/** A job file of some 1,000 lines, as people write them: networks, services with checks, templates, variables. */
function jobFile(): string {
  const lines = [
    'variable "image" {\n  type    = string\n  default = "registry.example.org/app"\n}\n',
    'locals {\n  tag = "1.2.${length(var.image)}"\n}\n',
    'job "big" {\n  datacenters = ["dc1", "dc2"]\n',
  ];
  for (let index = 0; lines.join("").split("\n").length < 1000; index++) lines.push(group(index));
  return `${lines.join("")}}\n`;
}

function group(index: number): string {
  return `
  group "group-${index}" {
    count = ${(index % 3) + 1}
    # One port a service.
    network {
      mode = "bridge"
      port "http" { to = ${8000 + index} }
      port "db" { static = ${9000 + index} }
    }
    constraint {
      attribute = "\${attr.kernel.name}"
      value     = "linux"
    }
    task "app" {
      driver = "docker"
      config {
        image = "\${var.image}:\${local.tag}"
        ports = ["http", "db"]
        args  = ["--listen", "\${NOMAD_ADDR_http}", "--name=group-${index}"]
      }
      env {
        LOG_LEVEL = "info"
        PEERS     = join(",", [for n in range(3) : format("peer-%d", n)])
      }
      template {
        data        = <<-EOT
          {{ range service "db" }}
          server {{ .Address }}:{{ .Port }}
          {{ end }}
        EOT
        destination = "local/app.conf"
        change_mode = "restart"
      }
      service {
        name = "app-${index}"
        port = "http"
        tags = ["urlprefix-/app-${index}", "v1"]
        check {
          type     = "http"
          path     = "/health"
          interval = "10s"
          timeout  = "2s"
        }
      }
      resources {
        cpu    = 200
        memory = 128
      }
    }
  }
`;
}

const REPEATS = 20;

/** Wanted: a 1,000-line job read in under 20 ms. */
export const bench: Bench = {
  name: "hcl",
  title: "Reading a job file of 1,000 lines",
  async run(context) {
    const text = jobFile();
    const source = { name: "big.hcl", text };
    const read = parseJob({ source: text, fileName: "big.hcl" });
    if (!read.ok) throw new Error(`the bench's own job has mistakes: ${read.diagnostics[0]?.message}`);
    if (validateJob(canonicalize(read.job)).errors.length > 0) throw new Error("the bench's own job is not valid");
    const ms = (work: () => unknown) => async (): Promise<number> => {
      const all = await timeMs(() => {
        for (let index = 0; index < REPEATS; index++) work();
      });
      return all / REPEATS;
    };
    const target = { text: "≤ 20 ms", atMost: 20 };
    const contestants: Contestant[] = [
      { name: "syntax tree", unit: "ms", better: "less", turn: ms(() => parseHcl(source)) },
      {
        name: "file → job",
        unit: "ms",
        better: "less",
        target,
        turn: ms(() => parseJob({ source: text, fileName: "big.hcl" })),
      },
      {
        name: "file → job, defaults, verdict",
        unit: "ms",
        better: "less",
        target,
        turn: ms(() => {
          const result = parseJob({ source: text, fileName: "big.hcl" });
          return result.ok && validateJob(canonicalize(result.job));
        }),
      },
    ];
    const notes = [`${text.split("\n").length} lines, ${text.length} bytes`];
    const peer = await loadPeer();
    if (peer === undefined) notes.push("@cdktf/hcl2json (HashiCorp's parser as WebAssembly) is not installed here");
    else {
      const turn = async (): Promise<number> => timeMs(() => peer(text));
      contestants.push({
        name: "@cdktf/hcl2json",
        unit: "ms",
        better: "less",
        peer: true,
        against: "syntax tree",
        turn,
      });
    }
    return { measures: await context.takeTurns(contestants), notes };
  },
};

/** An optional peer; it is no dependency. */
async function loadPeer(): Promise<((text: string) => Promise<unknown>) | undefined> {
  try {
    const path = createRequire(import.meta.url).resolve("@cdktf/hcl2json");
    const module = (await import(path)) as { parse(name: string, text: string): Promise<unknown> };
    return (text) => module.parse("big.hcl", text);
  } catch {
    return undefined;
  }
}
