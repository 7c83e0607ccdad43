import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";

/** A value, or null: the key is not there, whatever the configuration says. */
export type DynamicMeta = Readonly<Record<string, string | null>>;

/** Keys set through the API. */
export const MAX_DYNAMIC_KEYS = 1000;
const MAX_META_BYTES = 256 * 1024;
/** Dotted identifiers, as they stand behind `meta.` in a constraint. */
const KEY = /^[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*$/;
const DynamicSchema = v.record(v.string(), v.nullable(v.string()));

/** What a node says of itself beside what it measures: from its configuration, and set while it runs, which is kept. */
export class NodeMetadata {
  readonly fixed: Readonly<Record<string, string>>;
  readonly #env: Env;
  readonly #path: string;
  #dynamic: DynamicMeta;

  private constructor(
    env: Env,
    path: string,
    known: { fixed: Readonly<Record<string, string>>; dynamic: DynamicMeta },
  ) {
    this.#env = env;
    this.#path = path;
    this.fixed = known.fixed;
    this.#dynamic = known.dynamic;
  }

  /** A file that cannot be read is put aside in words, not in the way of a start. */
  static async open(env: Env, path: string, fixed: Readonly<Record<string, string>>): Promise<NodeMetadata> {
    const bytes = await env.disk.read(path);
    let dynamic: DynamicMeta = {};
    try {
      if (bytes !== undefined) dynamic = v.parse(DynamicSchema, JSON.parse(new TextDecoder().decode(bytes)));
    } catch (thrown) {
      env.log.error("the node's metadata set through the API is lost", { path, error: messageOf(thrown) });
    }
    return new NodeMetadata(env, path, { fixed, dynamic });
  }

  get dynamic(): DynamicMeta {
    return this.#dynamic;
  }

  merged(): Record<string, string> {
    const entries = Object.entries({ ...this.fixed, ...this.#dynamic });
    return Object.fromEntries(entries.flatMap(([key, value]) => (value === null ? [] : [[key, value]])));
  }

  /** Only the keys that are given change. Resolves when the change would survive a power cut. */
  async update(changes: DynamicMeta): Promise<Result<void>> {
    const bad = Object.keys(changes).find((key) => !KEY.test(key));
    if (bad !== undefined) {
      return fail("bad_key", `metadata key ${JSON.stringify(bad)} is no dotted identifier`, 'write it as "rack.row"');
    }
    const dynamic = { ...this.#dynamic, ...changes };
    const text = JSON.stringify(dynamic);
    if (Object.keys(dynamic).length > MAX_DYNAMIC_KEYS || text.length > MAX_META_BYTES) {
      return fail("too_much", `a node keeps ${MAX_DYNAMIC_KEYS} keys and ${MAX_META_BYTES} bytes of metadata at most`);
    }
    await this.#env.disk.replace(this.#path, text, { mode: 0o600 });
    this.#dynamic = dynamic;
    return succeed(undefined);
  }
}
