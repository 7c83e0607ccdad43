import { join } from "node:path/posix";
import * as v from "valibot";
import { textOf, utf8 } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { ListSettings } from "../settings/settings.ts";
import { notAList } from "../filter/list-reader.ts";
import { SAMPLE_LISTS } from "./sample-lists.ts";

/** Bytes of one list; more is refused. */
export const MAX_LIST_BYTES = 256 * 1024 * 1024;
const MAX_REDIRECTS = 5;
const TIMEOUT_MS = 30_000;
/** A list that lost more than this share of its bytes was probably cut short; the second time it is believed. */
const SHRUNK = 0.5;

const MetaSchema = v.object({
  url: v.string(),
  /** When it was last looked for, and last changed; ms since the epoch. */
  checkedMs: v.number(),
  changedMs: v.number(),
  bytes: v.number(),
  etag: v.optional(v.string(), ""),
  lastModified: v.optional(v.string(), ""),
  /** Why the last look brought nothing; empty: it did. */
  problem: v.optional(v.string(), ""),
  /** Bytes of a version that was too short to be believed at once. */
  doubted: v.optional(v.number(), 0),
});

export type ListMeta = v.InferOutput<typeof MetaSchema>;

/** Lists as they were downloaded: a file of text and one of what is known about it, each. */
export class ListStore {
  readonly #env: Pick<Env, "disk" | "http" | "clock">;
  readonly #folder: string;

  readonly #stopped = new AbortController();

  constructor(env: Pick<Env, "disk" | "http" | "clock">, folder: string) {
    this.#env = env;
    this.#folder = folder;
  }

  /** Where its text is: files of this machine stay where they are. */
  pathOf(list: ListSettings): string {
    if (list.url.startsWith("file://")) return filePath(list.url);
    return join(this.#folder, `${list.id}.txt`);
  }

  /** What is known of it; undefined when it was never there, or came from elsewhere. */
  async meta(list: ListSettings): Promise<ListMeta | undefined> {
    const bytes = await this.#env.disk.read(this.#metaPathOf(list));
    if (bytes === undefined) return undefined;
    try {
      const parsed = v.safeParse(MetaSchema, JSON.parse(textOf(bytes)));
      return parsed.success && parsed.output.url === list.url ? parsed.output : undefined;
    } catch {
      return undefined;
    }
  }

  /** Looks whether there is a newer version. Whether the text changed, and what is known now. Never rejects. */
  async refresh(list: ListSettings): Promise<{ readonly changed: boolean; readonly meta: ListMeta }> {
    const before = await this.meta(list);
    const nowMs = this.#env.clock.nowMs();
    const base: ListMeta = before ?? emptyMeta(list.url);
    let outcome: Fetched;
    try {
      outcome = await this.#fetch(list.url, before);
    } catch (thrown) {
      outcome = { kind: "problem", message: messageOf(thrown) };
    }
    const judged = outcome.kind === "text" ? judge(outcome, base) : outcome;
    if (judged.kind === "problem") {
      const doubted = judged.doubted ?? base.doubted;
      return {
        changed: false,
        meta: await this.#save(list, { ...base, checkedMs: nowMs, problem: judged.message, doubted }),
      };
    }
    if (judged.kind === "same")
      return { changed: false, meta: await this.#save(list, { ...base, checkedMs: nowMs, problem: "" }) };
    if (judged.kind === "file") {
      const { modifiedMs: changedMs, size: bytes } = judged;
      const meta = { ...emptyMeta(list.url), checkedMs: nowMs, changedMs, bytes };
      return { changed: changedMs !== base.changedMs || bytes !== base.bytes, meta: await this.#save(list, meta) };
    }
    await this.#env.disk.makeDir(this.#folder);
    await this.#env.disk.replace(this.pathOf(list), judged.bytes);
    const { etag, lastModified, bytes } = judged;
    const meta = { url: list.url, checkedMs: nowMs, changedMs: nowMs, bytes: bytes.length, etag, lastModified };
    return { changed: true, meta: await this.#save(list, { ...meta, problem: "", doubted: 0 }) };
  }

  /** Takes away files of lists that are no more. */
  async prune(lists: readonly ListSettings[]): Promise<void> {
    const wanted = new Set(lists.map(({ id }) => String(id)));
    for (const name of await this.#env.disk.list(this.#folder)) {
      const [, id = ""] = /^(\d+)\.(?:txt|json)$/.exec(name) ?? [];
      if (id !== "" && !wanted.has(id)) await this.#env.disk.remove(join(this.#folder, name));
    }
  }

  /** Downloads under way are given up. */
  stop(): void {
    this.#stopped.abort();
  }

  async #save(list: ListSettings, meta: ListMeta): Promise<ListMeta> {
    await this.#env.disk.makeDir(this.#folder);
    await this.#env.disk.replace(this.#metaPathOf(list), JSON.stringify(meta), { durable: false });
    return meta;
  }

  #metaPathOf(list: ListSettings): string {
    return join(this.#folder, `${list.id}.json`);
  }

  async #fetch(url: string, known: ListMeta | undefined): Promise<Fetched> {
    if (url.startsWith("sample:")) {
      const sample = SAMPLE_LISTS[url.slice("sample:".length)];
      if (sample === undefined) {
        const names = Object.keys(SAMPLE_LISTS).join(", ");
        return { kind: "problem", message: `there is no sample list ${JSON.stringify(url)}; there are ${names}` };
      }
      return { kind: "text", bytes: utf8(`${sample.join("\n")}\n`), etag: "", lastModified: "" };
    }
    if (url.startsWith("file://")) {
      const stat = await this.#env.disk.stat(filePath(url));
      if (stat?.kind !== "file") return { kind: "problem", message: `there is no file ${url}` };
      return { kind: "file", size: stat.size, modifiedMs: stat.modifiedMs };
    }
    return this.#download(url, known);
  }

  async #download(first: string, known: ListMeta | undefined): Promise<Fetched> {
    let url = first;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      if (!/^https?:\/\//.test(url)) return { kind: "problem", message: `${url} is no http or https address` };
      const headers = {
        ...(known === undefined || known.etag === "" ? {} : { "if-none-match": known.etag }),
        ...(known === undefined || known.lastModified === "" ? {} : { "if-modified-since": known.lastModified }),
      };
      const response = await this.#env.http.request({
        url,
        headers,
        timeoutMs: TIMEOUT_MS,
        signal: this.#stopped.signal,
      });
      const { location, etag = "", "last-modified": lastModified = "", "content-length": length } = response.headers;
      if (response.status === 304 || response.status >= 400 || location !== undefined) response.abandon();
      if (response.status === 304) return { kind: "same" };
      if (response.status >= 300 && response.status < 400 && location !== undefined) {
        url = new URL(location, url).href;
        continue;
      }
      if (response.status !== 200) return { kind: "problem", message: `${url} answered ${response.status}` };
      const bytes = await response.bytes(MAX_LIST_BYTES);
      if (length !== undefined && response.headers["content-encoding"] === undefined && Number(length) !== bytes.length)
        return { kind: "problem", message: `${url}: ${bytes.length} of ${length} bytes came` };
      return { kind: "text", bytes, etag, lastModified };
    }
    return { kind: "problem", message: `${first} redirects more than ${MAX_REDIRECTS} times` };
  }
}

type Fetched =
  | { readonly kind: "same" }
  | { readonly kind: "file"; readonly size: number; readonly modifiedMs: number }
  | { readonly kind: "text"; readonly bytes: Uint8Array; readonly etag: string; readonly lastModified: string }
  | { readonly kind: "problem"; readonly message: string; readonly doubted?: number };

/** Whether what came can be the list. */
function judge(fetched: Extract<Fetched, { kind: "text" }>, before: ListMeta): Fetched {
  const { bytes } = fetched;
  const not = notAList(bytes);
  if (not !== undefined) return { kind: "problem", message: not };
  if (bytes.length === 0) return { kind: "problem", message: "it is empty" };
  if (bytes.length < before.bytes * SHRUNK && before.doubted !== bytes.length)
    return {
      kind: "problem",
      message: `it shrank from ${before.bytes} to ${bytes.length} bytes and may be cut short; it is taken when it comes like that again`,
      doubted: bytes.length,
    };
  return fetched;
}

function filePath(url: string): string {
  return URL.canParse(url) ? decodeURIComponent(new URL(url).pathname) : "/";
}

function emptyMeta(url: string): ListMeta {
  return { url, checkedMs: 0, changedMs: 0, bytes: 0, etag: "", lastModified: "", problem: "", doubted: 0 };
}
