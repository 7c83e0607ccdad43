import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Fetching } from "./fetching.ts";
import { orUnlimited } from "./limits.ts";
import { runSandboxed, seen } from "./sandbox.ts";
import type { ArtifactSource } from "./source.ts";

/** What a repository is cloned into. */
export const CLONE = "clone";
const KEY = "key";
const PROTOCOLS = "http:https:ssh:git:file";

/** Clones a repository into `<folder>/clone`: `ref`, `depth` and `sshkey` (base64) as its options say. */
export async function clone(fetching: Fetching, { url, options }: ArtifactSource): Promise<Result<void>> {
  const { env, folder, limits, signal } = fetching;
  const ref = options.get("ref") ?? "";
  const depth = options.get("depth") ?? "";
  if (ref.startsWith("-")) return fail("SOURCE", `ref = ${JSON.stringify(ref)} is no branch, tag or commit`);
  if (!/^\d{0,6}$/.test(depth)) return fail("SOURCE", `depth = ${JSON.stringify(depth)} is no number`);
  const isolated = !limits.disableFilesystemIsolation;
  const place = { folder, isolated };
  const key = await placeKey(fetching, options.get("sshkey") ?? "", seen(place, KEY));
  if (!key.ok) return key;
  const local = url.startsWith("file:") ? new URL(url).pathname : undefined;
  const run = {
    ...place,
    network: local === undefined,
    ...(local === undefined ? {} : { readable: new Map([[local, local]]) }),
    variables: { ...VARIABLES, ...(key.value === "" ? {} : { GIT_SSH_COMMAND: key.value }) },
    timeoutMs: limits.gitTimeoutMs,
    maxFileBytes: orUnlimited(limits.decompressionBytes),
    signal,
  };
  const git = [GIT, "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*"];
  const into = seen(place, CLONE);
  const shallow = depth === "" || depth === "0" ? [] : [`--depth=${depth}`];
  // A commit is no name a remote knows: it takes the history, and is checked out of that.
  const branch = ref === "" || isCommit(ref) ? [] : [`--branch=${ref}`];
  const steps = [
    [...git, "clone", "--quiet", ...shallow, ...branch, "--", url, into],
    ...(isCommit(ref) ? [[...git, "-C", into, "checkout", "--quiet", "--detach", ref]] : []),
    [...git, "-C", into, "submodule", "--quiet", "update", "--init", "--recursive", ...shallow],
  ];
  for (const argv of steps) {
    const result = await runSandboxed(env, { ...run, argv });
    if (result.timedOut)
      return fail("CLONE", `it took longer than ${limits.gitTimeoutMs / 1000} s`, "git_timeout allows more");
    if (result.code !== 0 || result.signal !== 0) {
      return fail("CLONE", result.stderr.trim().split("\n").slice(-3).join("; ") || `git ended with ${result.code}`);
    }
  }
  return succeed(undefined);
}

const GIT = "git";
/** No questions, no configuration of the machine's. */
const VARIABLES = {
  GIT_TERMINAL_PROMPT: "0",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ALLOW_PROTOCOL: PROTOCOLS,
};

function isCommit(ref: string): boolean {
  return /^[0-9a-f]{40}$/.test(ref);
}

/** The command with which git speaks to the server; empty without a key. */
async function placeKey({ env, folder }: Fetching, base64: string, path: string): Promise<Result<string>> {
  if (base64 === "") return succeed("");
  let key: Uint8Array;
  try {
    key = Uint8Array.fromBase64(base64);
  } catch {
    return fail("SOURCE", "sshkey is no base64", "encode the private key with `base64 -w0`");
  }
  await env.disk.replace(`${folder}/${KEY}`, key, { mode: 0o600 });
  const hosts = `${path.slice(0, path.lastIndexOf("/"))}/hosts`;
  return succeed(
    `ssh -i ${path} -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=${hosts} -o BatchMode=yes`,
  );
}
