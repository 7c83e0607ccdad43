import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";

const main = new URL("../../../cli/main.ts", import.meta.url).pathname;
const InitSchema = v.object({ join: v.string() });

/** Makes the agent of this folder the first server of a cluster; resolves with the words by which others join it. */
export function found(dir: string): readonly string[] {
  const { stdout } = run("init", "-json", "-no-start", "-config", configOf(dir));
  const { join: line } = v.parse(InitSchema, JSON.parse(stdout));
  return line.split(" ").slice(1);
}

/** Makes the agent of this folder another server of that cluster; returns what the command said. */
export function admit(dir: string, line: readonly string[]): string {
  return lares(...line, "-server", "-no-start", "-config", configOf(dir));
}

/** Makes the agent of this folder a node of that cluster that is no server. */
export function admitClient(dir: string, line: readonly string[]): void {
  const text = readFileSync(configOf(dir), "utf8");
  writeFileSync(configOf(dir), text.replace("server { enabled = true }", "server { enabled = false }"));
  lares(...line, "-no-start", "-config", configOf(dir));
}

function configOf(dir: string): string {
  return join(dir, "agent.hcl");
}

function lares(...words: readonly string[]): string {
  const { stdout, stderr } = run(...words);
  return stdout + stderr;
}

function run(...words: readonly string[]): { readonly stdout: string; readonly stderr: string } {
  const run = spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", main, ...words], {
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(`lares ${words.join(" ")}: ${run.stderr}`);
  return run;
}
