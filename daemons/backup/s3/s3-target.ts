import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { HttpTransportError, type HttpResponse } from "#base/env/http-client.ts";
import type { StoredBackup } from "../backup-name.ts";
import { contentOf, type BackupTarget } from "../target.ts";
import { readObjectPage, readS3Error } from "./read-xml.ts";
import { EMPTY_SHA256, sign, type S3Keys } from "./sign.ts";

export interface S3TargetOptions extends S3Keys {
  readonly env: Pick<Env, "clock" | "http" | "disk">;
  readonly name: string;
  readonly retain: number;
  /** `https://host[:port]`; the bucket is the first part of the path there. Empty: Amazon's of the region. */
  readonly endpoint: string;
  readonly bucket: string;
  /** Before every name, e.g. `lares/`. */
  readonly prefix: string;
  /** PEM of authorities; undefined: the system's. */
  readonly ca: string | undefined;
}

interface S3Request {
  readonly method: string;
  /** Empty: the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: { readonly path: string; readonly bytes: number; readonly sha256: string };
}

const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 500;
const ANSWER_MS = 60_000;
/** A large body over a slow line goes on the wire before the answer comes. */
const UPLOAD_MS = 3_600_000;
const MAX_ANSWER_BYTES = 4 << 20;
const PAGE = 1000;
/** Pages of a listing: a hundred thousand objects are no backups of ours. */
const MAX_PAGES = 100;

/** A bucket of an S3-compatible store. https://docs.aws.amazon.com/AmazonS3/latest/API/ */
export function s3Target(options: S3TargetOptions): BackupTarget {
  const { name, retain, bucket, prefix } = options;
  const call = (request: S3Request): Promise<HttpResponse> => withRetries(options, request);
  const place = `${originOf(options).origin}/${bucket}/${prefix}`;
  return {
    name,
    place,
    retain,
    async put(file, body) {
      await done(await call({ method: "PUT", key: `${prefix}${file}`, body }), place);
    },
    async list() {
      const found: StoredBackup[] = [];
      let token: string | undefined;
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const more = token === undefined ? {} : { "continuation-token": token };
        const query = { "list-type": "2", "max-keys": String(PAGE), prefix, ...more };
        const answer = await call({ method: "GET", key: "", query });
        const read = readObjectPage(await done(answer, place));
        if (read === undefined) throw new CodedError("s3", `${place} does not answer as S3 does`);
        for (const { key, bytes } of read.objects) found.push({ name: key.slice(prefix.length), bytes });
        token = read.next;
        if (token === undefined) return found;
      }
      throw new CodedError("s3", `${place} holds more than ${MAX_PAGES * PAGE} objects`, "give backups a prefix");
    },
    async read(file) {
      const answer = await call({ method: "GET", key: `${prefix}${file}` });
      if (answer.status === 404) {
        answer.abandon();
        return undefined;
      }
      if (answer.status !== 200) await done(answer, place);
      return answer.body;
    },
    async remove(file) {
      await done(await call({ method: "DELETE", key: `${prefix}${file}` }), place);
    },
  };
}

/** The answer's text. Rejects with what the store says is wrong. */
async function done(answer: HttpResponse, place: string): Promise<string> {
  const text = await answer.text(MAX_ANSWER_BYTES);
  if (answer.status < 300) return text;
  const said = readS3Error(text);
  throw new CodedError("s3", `${place} answers ${answer.status}${said === "" ? "" : ` (${said})`}`);
}

/** What a store cannot do for a moment is tried again. */
async function withRetries(options: S3TargetOptions, request: S3Request): Promise<HttpResponse> {
  const { clock } = options.env;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await send(options, request);
      if (answer.status < 500 || attempt === ATTEMPTS) return answer;
      answer.abandon();
    } catch (thrown) {
      if (attempt === ATTEMPTS || !(thrown instanceof HttpTransportError))
        throw new CodedError("s3", `${originOf(options).origin} cannot be reached: ${messageOf(thrown)}`);
    }
    await sleep(clock, FIRST_PAUSE_MS * attempt);
  }
}

function send(options: S3TargetOptions, { method, key, query = {}, body }: S3Request): Promise<HttpResponse> {
  const { env, bucket, ca } = options;
  const { origin, host, base } = originOf(options);
  const path = `${base}${options.endpoint === "" ? "" : `/${bucket}`}/${key}`;
  const headers = body === undefined ? {} : { "content-length": String(body.bytes) };
  const signed = sign(
    { method, host, path, query, headers, sha256: body?.sha256 ?? EMPTY_SHA256 },
    options,
    env.clock.nowMs(),
  );
  return env.http.request({
    url: `${origin}${signed.target}`,
    method,
    headers: signed.headers,
    timeoutMs: body === undefined ? ANSWER_MS : UPLOAD_MS,
    ...(body === undefined ? {} : { body: contentOf(env.disk, body.path) }),
    ...(ca === undefined ? {} : { tls: { ca } }),
  });
}

function originOf({ endpoint, bucket, region }: S3TargetOptions): { origin: string; host: string; base: string } {
  const { origin, host, pathname } = new URL(
    endpoint === "" ? `https://${bucket}.s3.${region}.amazonaws.com` : endpoint,
  );
  return { origin, host, base: pathname.replace(/\/+$/, "") };
}
