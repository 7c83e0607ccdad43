import { existsSync } from "node:fs";
import * as v from "valibot";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { Env } from "#base/env/env.ts";
import { compareVersions, parseVersion } from "#base/language/version.ts";
import { readChannel } from "#os-image/firmware/node/channel.ts";
import { kindName, requireKind, type Kind } from "#os-image/firmware/node/kind.ts";
import { flavourIn, OS_RELEASE, readIfThere } from "#os-image/firmware/node/machine.ts";

const RAUC_SETTINGS = "/etc/rauc/system.conf";
const INFO_MS = 120_000;
const FETCH_MS = 60_000;
const MAX_CHANNEL_BYTES = 65_536;
/** https://rauc.readthedocs.io/en/latest/reference.html#manifest; what `[meta.lares]` says was not there in version 0.1.0. */
const InfoSchema = v.object({
  update: v.object({ version: v.string(), compatible: v.string() }),
  meta: v.optional(v.object({ lares: v.optional(v.object({ flavour: v.optional(v.string()) })) })),
});

/** An update made for this machine, and signed by whom it believes. */
export interface Offer {
  readonly version: string;
  /** Path or URL. */
  readonly bundle: string;
}

/**
 * What a file, a URL or a channel's URL (`….json`) offers this machine. Throws where that is nothing it takes.
 *
 * @param flavour What the machine is to hold; default: what it holds now.
 */
export async function offerOf(env: Pick<Env, "exec" | "http">, source: string, flavour?: string): Promise<Offer> {
  const wanted = await wantedKind(flavour);
  const isChannel = isUrl(source) && new URL(source).pathname.endsWith(".json");
  const bundle = isChannel ? await inChannel(env, source, kindName(wanted)) : source;
  if (!isUrl(bundle) && !existsSync(bundle))
    throw new CodedError(
      "os_no_bundle",
      `there is no ${bundle}`,
      "is the stick mounted? `lares os update` takes a path or a URL",
    );
  const { version, kind } = await infoOf(env, bundle);
  const fits = requireKind(kind, wanted);
  if (!fits.ok) throw new CodedError(fits.error.code, fits.error.message, fits.error.hint);
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

/** What updates have to be made for. */
async function wantedKind(flavour: string | undefined): Promise<Kind> {
  const compatible = /^compatible=(\S+)$/m.exec((await readIfThere(RAUC_SETTINGS)) ?? "")?.[1] ?? "";
  return { compatible, flavour: flavour ?? flavourIn(await readIfThere(OS_RELEASE)) };
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

async function infoOf(
  { exec }: Pick<Env, "exec">,
  bundle: string,
): Promise<{ readonly version: string; readonly kind: Kind }> {
  const asked = await exec.run(["rauc", "info", "--output-format=json-2", bundle], { timeoutMs: INFO_MS });
  if (asked.code !== 0)
    throw new CodedError(
      "os_bundle",
      `this update is not taken: ${lastLine(asked.stderr)}`,
      "it has to be signed by whoever made this machine's firmware",
    );
  const { update, meta } = v.parse(InfoSchema, JSON.parse(asked.stdout));
  return {
    version: update.version,
    kind: { compatible: update.compatible, flavour: meta?.lares?.flavour },
  };
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
