import { fail, succeed, type Result } from "#base/env/errors.ts";
import { formatSize } from "#base/language/size.ts";
import { DOWNLOAD } from "./download.ts";
import type { Fetching } from "./fetching.ts";
import { orUnlimited, UNPACK_TIMEOUT_MS } from "./limits.ts";
import { runSandboxed, seen } from "./sandbox.ts";

/** What is ready to be moved to its destination. */
export const READY = "ready";
const WATCH_MS = 250;
const SIGXFSZ = 25;

/** Unpacks `<folder>/download` into the folder `<folder>/ready`, with bsdtar: tar and zip in every compression. */
export async function unpackTree(fetching: Fetching): Promise<Result<void>> {
  const { env, folder, limits } = fetching;
  await env.disk.makeDir(`${folder}/${READY}`);
  const run = { folder, isolated: !limits.disableFilesystemIsolation };
  // Owners, rights above the usual, attributes and device files are the archive's claims, not ours.
  const keepNothing = ["--no-same-owner", "--no-same-permissions", "--no-acls", "--no-xattrs", "--no-fflags"];
  const argv = ["bsdtar", "-x", ...keepNothing, "-f", seen(run, DOWNLOAD), "-C", seen(run, READY)];
  return watched(fetching, argv);
}

/** Unpacks a compressed file into the file `<folder>/ready`. */
export async function unpackStream(fetching: Fetching): Promise<Result<void>> {
  const { folder, limits } = fetching;
  const run = { folder, isolated: !limits.disableFilesystemIsolation };
  // bsdcat reads every compression, and writes only to its output: which a shell points to a file named here.
  const argv = ["sh", "-c", 'bsdcat -- "$1" >"$2"', "unpack", seen(run, DOWNLOAD), seen(run, READY)];
  return watched(fetching, argv);
}

/** Ends the program as soon as what it wrote is above the limits: what an archive says of itself may be a lie. */
async function watched(fetching: Fetching, argv: readonly string[]): Promise<Result<void>> {
  const { env, folder, limits, signal } = fetching;
  const maxBytes = orUnlimited(limits.decompressionBytes);
  const end = new AbortController();
  const abort = (): void => end.abort();
  signal.addEventListener("abort", abort, { once: true });
  let excess: string | undefined;
  const look = async (): Promise<void> => {
    excess ??= await excessOf(fetching);
    if (excess !== undefined) end.abort();
  };
  let timer = env.clock.after(WATCH_MS, again);
  function again(): void {
    void look().then(() => {
      if (!end.signal.aborted) timer = env.clock.after(WATCH_MS, again);
    });
  }
  const result = await runSandboxed(env, {
    argv,
    folder,
    isolated: !limits.disableFilesystemIsolation,
    network: false,
    timeoutMs: UNPACK_TIMEOUT_MS,
    maxFileBytes: maxBytes,
    signal: end.signal,
  }).finally(() => {
    timer.cancel();
    signal.removeEventListener("abort", abort);
  });
  await look();
  end.abort();
  if (excess !== undefined)
    return fail("UNPACK", excess, "decompression_size_limit and decompression_file_count_limit allow more");
  if (result.signal === SIGXFSZ || result.code === 128 + SIGXFSZ) {
    return fail(
      "UNPACK",
      `a file in it is larger than ${formatSize(maxBytes)}`,
      "decompression_size_limit allows more",
    );
  }
  if (result.timedOut) return fail("UNPACK", `unpacking took longer than ${UNPACK_TIMEOUT_MS / 1000} s`);
  if (result.code === 0 && result.signal === 0) return succeed(undefined);
  const said = result.stderr
    .trim()
    .split("\n")
    .slice(-2)
    .join("; ")
    .replace(/bsd(?:tar|cat): /g, "");
  return fail("UNPACK", said === "" ? `unpacking ended with ${result.code}` : said);
}

async function excessOf({ env, folder, limits }: Fetching): Promise<string | undefined> {
  const { decompressionBytes: maxBytes, decompressionFiles: maxFiles } = limits;
  let bytes = 0;
  let files = 0;
  const waiting = [`${folder}/${READY}`];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const stat = await env.disk.stat(path).catch(() => undefined);
    if (stat === undefined) continue;
    if (stat.kind === "directory") for (const name of await env.disk.list(path)) waiting.push(`${path}/${name}`);
    if (path !== `${folder}/${READY}`) files += 1;
    if (stat.kind === "file") bytes += stat.size;
    if (maxBytes > 0 && bytes > maxBytes) return `it unpacks to more than ${formatSize(maxBytes)}`;
    if (maxFiles > 0 && files > maxFiles) return `it holds more than ${maxFiles} files`;
  }
  return undefined;
}
