import type { Exchange, ExchangeRequest, ExchangeResponse } from "#base/http/exchange.ts";
import { DOH, PENDING } from "../resolve/door.ts";
import type { Answering } from "./udp-listener.ts";

const PATH = "/dns-query";
const MEDIA_TYPE = "application/dns-message";
const MAX_QUESTION_BYTES = 4096;

/** DNS over HTTPS (RFC 8484): questions by POST, or in `?dns=` by GET. */
export function dohExchange({ pipeline, waiting, clients }: Answering): Exchange {
  const out = new Uint8Array(65_535);
  return async (request) => {
    const packet = await questionOf(request);
    if (!(packet instanceof Uint8Array)) return packet;
    const client = clients.byText(request.remote.host);
    const length = pipeline.answer(packet, client, { door: DOH, out });
    if (length > 0) return reply(out.slice(0, length));
    if (length !== PENDING) return failure(400, "this is no question");
    return new Promise((resolve) => {
      waiting.add(packet, client, { door: DOH, send: (bytes) => resolve(reply(bytes.slice())) });
    });
  };
}

async function questionOf(request: ExchangeRequest): Promise<Uint8Array | ExchangeResponse> {
  const [path, query = ""] = request.url.split("?", 2);
  if (path !== PATH) return failure(404, `DNS is answered at ${PATH}`);
  if (request.method === "GET") {
    const dns = new URLSearchParams(query).get("dns");
    if (dns === null || !/^[\w-]+$/.test(dns)) return failure(400, "?dns= holds no question");
    return new Uint8Array(Buffer.from(dns, "base64url"));
  }
  if (request.method !== "POST") return failure(405, "GET and POST are answered");
  if (request.headers["content-type"] !== MEDIA_TYPE) return failure(415, `the body has to be ${MEDIA_TYPE}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.length;
    if (size > MAX_QUESTION_BYTES) return failure(413, `a question has at most ${MAX_QUESTION_BYTES} bytes`);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function reply(body: Uint8Array): ExchangeResponse {
  return { status: 200, headers: { "content-type": MEDIA_TYPE, "cache-control": `max-age=${leastLife(body)}` }, body };
}

/** RFC 8484 §5.1: no longer than the record that ends first. Records behind compressed names begin with a pointer. */
function leastLife(body: Uint8Array): number {
  const view = Buffer.from(body.buffer, body.byteOffset, body.length);
  let at = 12;
  while ((view[at] ?? 0) !== 0) at += (view[at] ?? 0) + 1;
  at += 5;
  let least = 86_400;
  const records = view.readUInt16BE(6) + view.readUInt16BE(8);
  for (let n = 0; n < records && at + 12 <= view.length; n++) {
    while ((view[at] ?? 0) !== 0 && (view[at] ?? 0) < 0xc0) at += (view[at] ?? 0) + 1;
    at += (view[at] ?? 0) >= 0xc0 ? 2 : 1;
    if (at + 10 > view.length) return 0;
    least = Math.min(least, view.readUInt32BE(at + 4));
    at += 10 + view.readUInt16BE(at + 8);
  }
  return records === 0 ? 0 : least;
}

function failure(status: number, message: string): ExchangeResponse {
  return { status, headers: { "content-type": "text/plain" }, body: `${message}\n` };
}
