import { createCipheriv } from "node:crypto";
import { gzipSync } from "node:zlib";
import { utf8 } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { ROOT } from "#base/protocol/keys.ts";
import type { Store } from "../store.ts";
import { isKeptOut } from "./kept-out.ts";
import { CARRIED_KEY, isRootKey } from "./sealed-keys.ts";
import { headText, newHash, NONCE_BYTES, SALT_BYTES, snapshotKey } from "./format.ts";

/** Records put into words in one turn. */
const PAGE = 1000;

export interface WriteSnapshotOptions {
  readonly env: Pick<Env, "clock" | "random">;
  /** Empty: not encrypted. */
  readonly passphrase: string;
  /** What the servers keep beside the state; for encrypted snapshots alone. */
  readonly carried?: string;
  /** Leaves out what secrets are sealed with. Default false. */
  readonly redact?: boolean;
}

/** The state as it was at one revision, whatever is written meanwhile. Rejects with the store's error. */
export async function* writeSnapshot(store: Store, options: WriteSnapshotOptions): AsyncGenerator<Uint8Array> {
  const { clock, random } = options.env;
  const { revision } = store.status();
  const secret =
    options.passphrase === "" ? undefined : { salt: random.bytes(SALT_BYTES), nonce: random.bytes(NONCE_BYTES) };
  const encryption = secret === undefined ? null : { salt: base64(secret.salt), nonce: base64(secret.nonce) };
  const head = utf8(headText({ revision, createdMs: Math.round(clock.nowMs()), encryption }));
  yield head;
  if (secret === undefined) {
    const hash = newHash().update(head);
    for await (const part of pages(store, revision, options)) {
      hash.update(part);
      yield part;
    }
    yield hash.digest();
    return;
  }
  const cipher = createCipheriv("aes-256-gcm", snapshotKey(options.passphrase, secret.salt), secret.nonce);
  cipher.setAAD(head);
  for await (const part of pages(store, revision, options)) yield cipher.update(part);
  yield cipher.final();
  yield cipher.getAuthTag();
}

async function* pages(
  store: Store,
  revision: number,
  { carried, passphrase, redact = false }: WriteSnapshotOptions,
): AsyncGenerator<Uint8Array> {
  let after: string | undefined;
  let records = 0;
  if (carried !== undefined && passphrase !== "") {
    records = 1;
    yield gzipSync(utf8(`${JSON.stringify([CARRIED_KEY, carried])}\n`));
  }
  for (;;) {
    const at = after === undefined ? {} : { after };
    const page = await store.range({ prefix: ROOT, limit: PAGE, revision, ...at });
    // Whose rows were staged when it was made looks at them again: its evaluation is open.
    const kept = page.records.filter(({ key }) => !isKeptOut(key) && !(redact && isRootKey(key)));
    records += kept.length;
    const lines = kept.map(({ key, value }) => `${JSON.stringify([key, value])}\n`).join("");
    if (lines !== "") yield gzipSync(utf8(lines));
    after = page.records.at(-1)?.key;
    if (!page.more || after === undefined) break;
  }
  yield gzipSync(utf8(`${JSON.stringify({ records })}\n`));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
