import { createHash, createHmac } from "node:crypto";

/** SHA-256 of nothing. */
export const EMPTY_SHA256 = createHash("sha256").digest("hex");
const ALGORITHM = "AWS4-HMAC-SHA256";
const SERVICE = "s3";

export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

export interface UnsignedRequest {
  readonly method: string;
  readonly host: string;
  /** Decoded, from the root. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Lower-case names; all are signed. */
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body in hex. */
  readonly sha256: string;
}

export interface SignedRequest {
  /** Encoded path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * AWS Signature Version 4 in the Authorization header, the body in one piece.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function sign(request: UnsignedRequest, keys: S3Keys, nowMs: number): SignedRequest {
  const time = new Date(nowMs)
    .toISOString()
    .replaceAll(/[-:]/g, "")
    .replace(/\.\d+Z$/, "Z");
  const day = time.slice(0, 8);
  const scope = `${day}/${keys.region}/${SERVICE}/aws4_request`;
  const headers: Readonly<Record<string, string>> = {
    ...request.headers,
    host: request.host,
    "x-amz-content-sha256": request.sha256,
    "x-amz-date": time,
  };
  const names = Object.keys(headers).toSorted();
  const path = request.path.split("/").map(encode).join("/");
  const query = Object.entries(request.query)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted()
    .join("&");
  const canonical = [
    request.method,
    path,
    query,
    ...names.map((name) => `${name}:${(headers[name] ?? "").trim().replaceAll(/ +/g, " ")}`),
    "",
    names.join(";"),
    request.sha256,
  ].join("\n");
  const text = [ALGORITHM, time, scope, sha256(canonical)].join("\n");
  const signature = hmac(signingKey(keys, day), text).toString("hex");
  const credential = `${keys.accessKeyId}/${scope}`;
  return {
    target: query === "" ? path : `${path}?${query}`,
    headers: {
      ...headers,
      authorization: `${ALGORITHM} Credential=${credential},SignedHeaders=${names.join(";")},Signature=${signature}`,
    },
  };
}

function signingKey({ secretAccessKey, region }: S3Keys, day: string): Buffer {
  return [region, SERVICE, "aws4_request"].reduce<Buffer>(
    (key, part) => hmac(key, part),
    hmac(`AWS4${secretAccessKey}`, day),
  );
}

/** RFC 3986 section 2.3: all but unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
