import { Buffer } from "node:buffer";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { decodeText } from "#base/language/go-template/text.ts";
import type { Data } from "./values.ts";

export interface Case {
  readonly name?: string;
  readonly text: string;
  readonly left?: string;
  readonly right?: string;
  readonly missingKey?: "default" | "zero" | "error";
  readonly associated?: readonly { readonly name: string; readonly text: string }[];
  readonly data?: Data;
  readonly repeat?: number;
}

/** What Go says: text, or the message of the failure. */
export interface Answer {
  readonly output: string;
  readonly error: string;
  /** Fastest of the repeats. */
  readonly ms: number;
}

export interface Peer {
  /** Of Go: 26 for 1.26. */
  readonly minor: number;
  ask(cases: readonly Case[]): Promise<Answer[]>;
  stop(): Promise<void>;
}

/** Builds and starts the Go program; `undefined`: there is no Go on this machine. */
export async function startPeer(): Promise<Peer | undefined> {
  if (spawnSync("go", ["version"]).status !== 0) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "lares-go-peer-"));
  const binary = join(folder, "peer");
  const source = new URL("main.go", import.meta.url).pathname;
  const env = { ...process.env, GO111MODULE: "off", CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOFLAGS: "" };
  const built = spawnSync("go", ["build", "-o", binary, source], { encoding: "utf8", env });
  if (built.status !== 0) throw new Error(`go build failed: ${built.stderr}`);
  const child = spawn(binary, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exchange = async (cases: readonly Case[]): Promise<Answer[]> => {
    child.stdin.write(cases.map((each) => `${JSON.stringify(request(each))}\n`).join(""));
    const answers: Answer[] = [];
    for (const each of cases) {
      const line = await lines.next();
      if (line.done === true) throw new Error(`the Go peer died of ${JSON.stringify(each)}`);
      answers.push(readAnswer(line.value));
    }
    return answers;
  };
  // Tests run side by side; their questions follow one another.
  let turn: Promise<unknown> = Promise.resolve();
  const ask = async (cases: readonly Case[]): Promise<Answer[]> => {
    const answers = turn.then(() => exchange(cases));
    turn = answers.catch(() => undefined);
    return answers;
  };
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const version = /go1\.(\d+)/.exec(spawnSync("go", ["version"], { encoding: "utf8", env }).stdout);
  return { minor: Number(version?.[1] ?? 0), ask, stop };
}

function request(asked: Case): unknown {
  return { name: "t", data: null, left: "", right: "", missingKey: "default", ...asked };
}

function readAnswer(line: string): Answer {
  const { output, error, ms } = JSON.parse(line) as { output: string | null; error: string; ms: number };
  return { output: decodeText(Buffer.from(output ?? "", "base64")), error, ms };
}
