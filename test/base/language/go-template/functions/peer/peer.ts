import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { bytesOfText, textOfBytes } from "#base/language/go-template/functions/text/go-bytes.ts";

export interface Question {
  readonly op: string;
  readonly args: readonly string[];
}

/** What Go gives, or the words of its error. */
export type GoAnswer = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string };

const AnswersSchema = v.array(v.object({ out: v.nullish(v.string(), ""), error: v.string() }));

/** Undefined: there is no Go on this machine. `minor`: 26 for Go 1.26. */
export function askGo(
  questions: readonly Question[],
): { readonly minor: number; readonly answers: readonly GoAnswer[] } | undefined {
  const version = spawnSync("go", ["version"], { encoding: "utf8" });
  if (version.status !== 0) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "lares-go-functions-"));
  try {
    const env = { ...process.env, GO111MODULE: "off", CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOFLAGS: "", TZ: "UTC" };
    const binary = join(folder, "peer");
    const built = spawnSync("go", ["build", "-o", binary, join(import.meta.dirname, "main.go")], {
      encoding: "utf8",
      env,
    });
    if (built.status !== 0) throw new Error(`go build failed: ${built.stderr}`);
    const encode = (text: string): string => bytesOfText(text).toString("base64");
    const input = JSON.stringify(questions.map(({ op, args }) => ({ Op: op, Args: args.map(encode) })));
    const ran = spawnSync(binary, [], { input, env, encoding: "utf8", maxBuffer: 256 * 1024 * 1024 });
    const answers = v
      .parse(AnswersSchema, JSON.parse(ran.stdout))
      .map(({ out, error }): GoAnswer =>
        error === ""
          ? { ok: true, text: textOfBytes(Buffer.from(out ?? "", "base64")) }
          : { ok: false, message: error },
      );
    return { minor: Number(/go1\.(\d+)/.exec(version.stdout)?.[1] ?? 0), answers };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
