import { existsSync } from "node:fs";
import * as v from "valibot";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { Env } from "#base/env/env.ts";
import { compareVersions, parseVersion } from "#base/language/version.ts";
import { readChannel } from "#os-image/firmware/node/channel.ts";
import { readIfThere } from "#os-image/firmware/node/machine.ts";

const RAUC_SETTINGS = "/etc/rauc/system.conf";
const INFO_MS = 120_000;
const FETCH_MS = 60_000;
const MAX_CHANNEL_BYTES = 65_536;
const InfoSchema = v.object({ version: v.string(), compatible: v.string() });

/** An update made for this machine, and signed by whom it believes. */
export interface Offer {
  readonly version: string;
  /** Path or URL. */
  readonly bundle: string;
}

/** What a file, a URL or a channel's URL (`….json`) offers this machine. Throws where that is nothing it takes. */
export async function offerOf(env: Pick<Env, "exec" | "http">, source: string): Promise<Offer> {
  const own = await ownKind();
  const bundle =
    isUrl(source) && new URL(source).pathname.endsWith(".json") ? await inChannel(env, source, own) : source;
  if (!isUrl(bundle) && !existsSync(bundle))
    throw new CodedError(
      "os_no_bundle",
      `there is no ${bundle}`,
      "is the stick mounted? `lares os update` takes a path or a URL",
    );
  const { version, compatible } = await infoOf(env, bundle);
  if (compatible !== own)
    throw new CodedError(
      "os_other_machine",
      `the update is for ${compatible}, this machine is ${own}`,
      "take the file made for it",
    );
  return { version, bundle };
}

/** Throws for one that is older than what runs, unless that is wanted. */
export function requireUsable({ version, than, older }: { version: string; than: string; older: boolean }): void {
  const [a, b] = [parseVersion(version), parseVersion(than)];
  if (older || a === undefined || b === undefined || compareVersions(a, b) >= 0) return;
  throw new CodedError(
    "os_older",
    `the update is version ${version}, older than ${than} that runs`,
    "with -older it is taken all the same",
  );
}

/** What kind of machine updates have to be made for. */
async function ownKind(): Promise<string> {
  return /^compatible=(\S+)$/m.exec((await readIfThere(RAUC_SETTINGS)) ?? "")?.[1] ?? "";
}

async function inChannel({ http }: Pick<Env, "http">, url: string, kind: string): Promise<string> {
  let text: string;
  try {
    const answer = await http.request({ url, timeoutMs: FETCH_MS });
    text = await answer.text(MAX_CHANNEL_BYTES);
    if (answer.status !== 200) throw new Error(`the server answers ${answer.status}`);
  } catch (thrown) {
    throw new CodedError("os_channel", `cannot read ${url}: ${messageOf(thrown)}`, "is the network up?");
  }
  const found = readChannel(text, kind);
  if (!found.ok) throw new CodedError(found.error.code, `${url}: ${found.error.message}`, found.error.hint);
  return new URL(found.value.bundle, url).href;
}

async function infoOf({ exec }: Pick<Env, "exec">, bundle: string): Promise<v.InferOutput<typeof InfoSchema>> {
  const asked = await exec.run(["rauc", "info", "--output-format=json", bundle], { timeoutMs: INFO_MS });
  if (asked.code !== 0)
    throw new CodedError(
      "os_bundle",
      `this update is not taken: ${lastLine(asked.stderr)}`,
      "it has to be signed by whoever made this machine's firmware",
    );
  return v.parse(InfoSchema, JSON.parse(asked.stdout));
}

function isUrl(source: string): boolean {
  return /^https?:\/\//.test(source);
}

export function lastLine(text: string): string {
  return (
    text
      .split("\n")
      .filter((line) => line.trim() !== "")
      .at(-1)
      ?.trim() ?? "no message"
  );
}
