import { createHash, createHmac } from "node:crypto";

export interface S3Key {
  readonly id: string;
  readonly secret: string;
  /** Of temporary credentials; empty: none. */
  readonly token: string;
  readonly region: string;
}

const ALGORITHM = "AWS4-HMAC-SHA256";
const VALID_S = 86_400;

/**
 * A GET of an object with its authorization in the query.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
export function presign(url: URL, key: S3Key, nowMs: number): string {
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, "");
  const day = time.slice(0, 8);
  const scope = `${day}/${key.region}/s3/aws4_request`;
  const query = [
    ...url.searchParams,
    ["X-Amz-Algorithm", ALGORITHM],
    ["X-Amz-Credential", `${key.id}/${scope}`],
    ["X-Amz-Date", time],
    ["X-Amz-Expires", String(VALID_S)],
    ["X-Amz-SignedHeaders", "host"],
    ...(key.token === "" ? [] : [["X-Amz-Security-Token", key.token]]),
  ]
    .map(([name = "", value = ""]) => `${encoded(name)}=${encoded(value)}`)
    .toSorted()
    .join("&");
  const path = url.pathname
    .split("/")
    .map((part) => encoded(decodeURIComponent(part)))
    .join("/");
  const canonical = ["GET", path, query, `host:${url.host}`, "", "host", "UNSIGNED-PAYLOAD"].join("\n");
  const toSign = [ALGORITHM, time, scope, createHash("sha256").update(canonical).digest("hex")].join("\n");
  const signing = [day, key.region, "s3", "aws4_request"].reduce<Buffer | string>(
    (secret, part) => createHmac("sha256", secret).update(part).digest(),
    `AWS4${key.secret}`,
  );
  const signature = createHmac("sha256", signing).update(toSign).digest("hex");
  return `${url.origin}${path}?${query}&X-Amz-Signature=${signature}`;
}

/** From `bucket.s3.REGION.amazonaws.com` and its older forms; elsewhere people name it, or it does not matter. */
export function regionOf(host: string): string {
  return /s3[.-]([a-z]{2}-[a-z]+-\d)\.amazonaws\.com$/.exec(host)?.[1] ?? "us-east-1";
}

function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
