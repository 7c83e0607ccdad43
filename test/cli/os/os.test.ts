import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { createEnv } from "#base/platform/create-env.ts";
import { writeMembership } from "#cli/agent/internal/membership.ts";
import { onEveryConsole } from "#cli/os/consoles.ts";
import { resumeBecoming } from "#cli/os/unfinished.ts";

test("the power failed while a machine became a member", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "lares-becoming-"));
  const env = createEnv({ logLevel: "error" });
  const at = { data: join(root, "lares"), config: join(root, "etc") };
  try {
    mkdirSync(at.config);
    t.false(await resumeBecoming(env.disk, at), "nothing was begun");
    mkdirSync(join(at.data, "state"), { recursive: true });
    t.false(await resumeBecoming(env.disk, at), "it was looking for others");
    t.deepEqual(readdirSync(root).toSorted(), ["etc", "lares"]);
    writeFileSync(join(at.data, "state/log"), "half a cluster");
    writeFileSync(join(at.config, "lares.hcl"), "");
    t.false(await resumeBecoming(env.disk, at), "it founds anew");
    t.deepEqual([readdirSync(at.data), readdirSync(at.config)], [[], []]);
    t.is(readFileSync(join(root, "lares.unfinished/state/log"), "utf8"), "half a cluster", "nothing is lost");
    const empty = { certificate: "", key: "", authorities: "", trust: "", servers: [], internal: "" };
    await writeMembership(env.disk, at.data, {
      ...empty,
      clusterId: "c",
      region: "global",
      role: "server",
      nodeId: "n",
    });
    mkdirSync(join(at.data, "state"));
    writeFileSync(join(at.data, "state/log"), "a cluster");
    writeFileSync(join(at.config, "lares.hcl"), "server { enabled = true }\n");
    t.true(await resumeBecoming(env.disk, at), "only the note was missing");
    t.is(readFileSync(join(at.data, "state/log"), "utf8"), "a cluster");
  } finally {
    env.close();
    rmSync(root, { recursive: true });
  }
});

test("what a machine says of itself is shown on every console, once on each", (t) => {
  const root = mkdtempSync(join(tmpdir(), "lares-consoles-"));
  try {
    mkdirSync(join(root, "sys/class/tty/console"), { recursive: true });
    mkdirSync(join(root, "dev"));
    writeFileSync(join(root, "sys/class/tty/console/active"), "tty0 ttyS1 ttyS0\n");
    const said: string[] = [];
    const output = {
      terminal: false,
      line: (text: string) => void said.push(text),
      write: () => undefined,
      error: (text: string) => void said.push(`error: ${text}`),
      writeError: () => undefined,
    };
    const everywhere = onEveryConsole(output, root);
    everywhere.line("healthy");
    everywhere.error("too hot");
    t.deepEqual(said, ["healthy", "error: too hot"]);
    for (const name of ["tty0", "ttyS1"]) t.is(readFileSync(join(root, "dev", name), "utf8"), "healthy\r\ntoo hot\r\n");
    t.throws(() => readFileSync(join(root, "dev/ttyS0")), { code: "ENOENT" }, "the console itself has it already");
    rmSync(join(root, "dev"), { recursive: true });
    everywhere.line("still here");
    onEveryConsole(output, join(root, "nowhere")).line("and here");
    t.deepEqual(said.slice(2), ["still here", "and here"]);
  } finally {
    rmSync(root, { recursive: true });
  }
});
