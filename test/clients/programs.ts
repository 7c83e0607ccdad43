import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = import.meta.dirname;
const root = join(here, "../..");
/** Kept between runs; the packages in it are pinned. */
const cache = join(root, "node_modules/.cache/lares/clients");
const MINUTES = 60_000;

/** A client program: the words that run it. */
export type Client = readonly string[];

/** A program around HashiCorp's Go clients and Prometheus's service discovery; `of` is its folder in `go/`. */
export async function goClient(of: "." | "./consul" | "./holder"): Promise<Client> {
  const folder = mkdtempSync(join(tmpdir(), "lares-go-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, "clients");
  await run("go", ["build", "-o", program, of], { cwd: join(here, "go"), timeout: 10 * MINUTES });
  return [program];
}

/** `program` is a file of `python/`. */
export function pythonClient(program: string): Promise<Client> {
  return pythonProgram(join(here, "python"), program);
}

/** A program beside the `requirements.txt` that names the packages it takes. */
export async function pythonProgram(where: string, program: string): Promise<Client> {
  const wanted = join(where, "requirements.txt");
  const name = createHash("sha256").update(readFileSync(wanted)).digest("hex").slice(0, 12);
  const folder = join(cache, `python-${name}`);
  mkdirSync(cache, { recursive: true });
  // Of several tests that want the same packages at once, one brings them.
  const words = [`${folder}.lock`, "sh", "-c", BRING_PACKAGES, "sh", folder, wanted];
  if (!existsSync(join(folder, "whole"))) await run("flock", words, { timeout: 7 * MINUTES });
  return [join(folder, "bin/python"), join(where, program)];
}

const BRING_PACKAGES = `set -e
[ ! -e "$1/whole" ] || exit 0
python3 -m venv "$1"
"$1/bin/pip" install --quiet --requirement "$2"
touch "$1/whole"`;

/** HashiCorp's Java SDK; its archives come from Maven's central repository and are checked. */
export async function javaClient(): Promise<Client> {
  const folder = join(cache, "java");
  mkdirSync(folder, { recursive: true });
  const jars = readFileSync(join(here, "java/jars.txt"), "utf8").trim().split("\n");
  const paths = await Promise.all(
    jars.map(async (line) => {
      const [hash = "", path = ""] = line.split(/\s+/);
      const file = join(folder, basename(path));
      if (!existsSync(file)) await fetchFile(`https://repo1.maven.org/maven2/${path}`, { file, hash });
      return file;
    }),
  );
  return ["java", "-cp", paths.join(":"), join(here, "java/NomadClient.java")];
}

async function fetchFile(url: string, { file, hash }: { readonly file: string; readonly hash: string }): Promise<void> {
  // curl knows the proxies and certificates of the machine.
  await run("curl", ["-sSfL", "--retry", "3", "-o", `${file}.part`, url], { timeout: 5 * MINUTES });
  const found = createHash("sha256")
    .update(readFileSync(`${file}.part`))
    .digest("hex");
  if (found !== hash) throw new Error(`${url} has the hash ${found}, expected ${hash}`);
  renameSync(`${file}.part`, file);
}

/** What a client said of each of its checks: the names that went well, and whole lines of those that did not. */
export async function drive(
  [program = "", ...args]: Client,
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly passed: readonly string[]; readonly failed: readonly string[] }> {
  const said = await run(program, args, { env: { ...process.env, ...environment }, timeout: 4 * MINUTES }).catch(
    (error: unknown) => {
      if (error instanceof Error && "stdout" in error && "stderr" in error)
        return { stdout: `${String(error.stdout)}\nFAIL program: ${error.message}\n`, stderr: String(error.stderr) };
      throw error;
    },
  );
  const lines = said.stdout.split("\n");
  const passed = lines.filter((line) => line.startsWith("ok ")).map((line) => line.slice(3));
  const at = lines.findIndex((line) => line.startsWith("FAIL "));
  return { passed, failed: at < 0 ? [] : [...lines.slice(at).filter((line) => !line.startsWith("ok ")), said.stderr] };
}
