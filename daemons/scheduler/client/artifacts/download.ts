import { fail, succeed, type Result } from "#base/env/errors.ts";
import { formatSize } from "#base/language/size.ts";
import type { Fetching } from "./fetching.ts";
import { orUnlimited } from "./limits.ts";
import { runSandboxed, seen } from "./sandbox.ts";

/** What a download is called before it is checked. */
export const DOWNLOAD = "download";
const MAX_REDIRECTS = 10;
const CONNECT_TIMEOUT_S = 30;
/** curl(1): a write failed, a size limit, and what a signal for too large a file makes of it. */
const WRITE_ERROR = 23;
const TOO_LARGE = 63;
const SIGXFSZ = 25;

export interface Download {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly insecure: boolean;
}

/** Fetches a URL into `<folder>/download` with curl. Its options go in through its input: a header may be a secret. */
export async function download(fetching: Fetching, what: Download): Promise<Result<void>> {
  const { env, folder, limits, signal } = fetching;
  const maxFileBytes = orUnlimited(limits.httpMaxBytes);
  const run = { folder, isolated: !limits.disableFilesystemIsolation };
  const config = curlConfig(what, { output: seen(run, DOWNLOAD), timeoutMs: limits.httpReadTimeoutMs, maxFileBytes });
  if (!config.ok) return config;
  const result = await runSandboxed(env, {
    ...run,
    argv: ["curl", "--config", "-"],
    network: true,
    input: config.value,
    timeoutMs: limits.httpReadTimeoutMs,
    maxFileBytes,
    signal,
  });
  if (result.code === 0 && result.signal === 0) return succeed(undefined);
  if (result.timedOut) {
    return fail(
      "DOWNLOAD",
      `it took longer than ${limits.httpReadTimeoutMs / 1000} s`,
      "http_read_timeout allows more",
    );
  }
  const isTooLarge = [TOO_LARGE, 128 + SIGXFSZ].includes(result.code) || result.signal === SIGXFSZ;
  if (isTooLarge) return fail("DOWNLOAD", `it is larger than ${formatSize(maxFileBytes)}`, "http_max_size allows more");
  const said = result.stderr.trim().replace(/^curl: /, "") || `curl ended with ${result.code}`;
  return fail("DOWNLOAD", said, result.code === WRITE_ERROR ? "the node's disk may be full" : undefined);
}

function curlConfig(
  { url, headers, insecure }: Download,
  limits: { readonly output: string; readonly timeoutMs: number; readonly maxFileBytes: number },
): Result<string> {
  const lines = [
    "silent",
    "show-error",
    "fail",
    "location",
    "globoff",
    `url = ${quoted(url)}`,
    `output = ${quoted(limits.output)}`,
    `max-redirs = ${MAX_REDIRECTS}`,
    `connect-timeout = ${CONNECT_TIMEOUT_S}`,
    `max-filesize = ${limits.maxFileBytes}`,
    'proto = "=http,https"',
    'proto-redir = "=http,https"',
    'user-agent = "lares"',
    ...(insecure ? ["insecure"] : []),
  ];
  for (const [name, value] of Object.entries(headers)) {
    // RFC 9110 section 5.5: a line break would be another header.
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || /[\r\n\0]/.test(value)) {
      return fail("SOURCE", `header ${JSON.stringify(name)}: not a name and value HTTP can carry`);
    }
    lines.push(`header = ${quoted(`${name}: ${value}`)}`);
  }
  return succeed(`${lines.join("\n")}\n`);
}

/** curl(1), --config: in quotes a backslash protects the character behind it. */
function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
