import { concatBytes, utf8 } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import type { Stream } from "#base/env/net.ts";
import type { Probe, ProbeLimits, ProbeResult } from "./probe.ts";
import {
  ACK,
  clientPreface,
  dataOf,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  headerBlock,
  splitFrames,
  type Frame,
} from "./h2-frames.ts";

type H2Probe = Extract<Probe, { readonly kind: "h2ping" | "grpc" }>;

/** Bytes one probe takes in before it gives up on its peer. */
const MAX_BYTES = 1 << 20;
const PING_DATA = utf8("lares-h2");
/** Of https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
const SERVING = 1;
const STATUS_NAMES = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/** An HTTP/2 ping, or a question to gRPC's health service. Rejects when nobody is there. */
export async function probeH2(env: Env, probe: H2Probe, limits: ProbeLimits): Promise<ProbeResult> {
  const { host, port, tls } = probe;
  const where = `${probe.kind === "grpc" ? "gRPC" : "HTTP/2"} ${host.includes(":") ? `[${host}]` : host}:${port}`;
  const { timeoutMs, signal } = limits;
  const safe = tls === undefined ? {} : { tls: { ...tls, protocols: ["h2"] } };
  const stream = await env.net.connect({ host, port, timeoutMs, signal, ...safe });
  const outcome = Promise.withResolvers<ProbeResult>();
  const fail = (why: string): void => outcome.resolve({ status: "critical", output: `${where}: ${why}` });
  const timer = env.clock.after(timeoutMs, () => fail(`no answer within ${timeoutMs} ms`));
  stream.onClose(() => fail("the connection was closed"));
  const talk = probe.kind === "grpc" ? new HealthQuestion(probe) : new Ping();
  readFrames(stream, fail, (one) => {
    if (one.type === FRAME.SETTINGS && (one.flags & ACK) === 0)
      send(stream, frame({ type: FRAME.SETTINGS, flags: ACK }));
    if (one.type === FRAME.GOAWAY) return fail("the server went away");
    const answer = talk.take(one);
    if (answer !== undefined) outcome.resolve({ ...answer, output: `${where}: ${answer.output}` });
  });
  send(stream, concatBytes([clientPreface(), ...talk.opening()]));
  try {
    return await outcome.promise;
  } finally {
    timer.cancel();
    stream.destroy();
  }
}

function send(stream: Stream, bytes: Uint8Array): void {
  // A peer that went away is noticed by its close.
  void stream.write(bytes).catch(() => undefined);
}

function readFrames(stream: Stream, fail: (why: string) => void, take: (one: Frame) => void): void {
  let pending: Uint8Array = new Uint8Array(0);
  let size = 0;
  stream.onData((data) => {
    size += data.length;
    const split = size > MAX_BYTES ? undefined : splitFrames(concatBytes([pending, data]));
    if (split === undefined) return fail("it does not speak HTTP/2");
    pending = split.rest;
    for (const one of split.frames) take(one);
  });
}

class Ping {
  opening(): readonly Uint8Array[] {
    return [frame({ type: FRAME.PING, payload: PING_DATA })];
  }

  take({ type, flags, payload }: Frame): ProbeResult | undefined {
    if (type !== FRAME.PING || (flags & ACK) === 0) return undefined;
    return payload.every((byte, i) => byte === PING_DATA[i])
      ? { status: "passing", output: "the ping was answered" }
      : { status: "critical", output: "the ping was answered with something else" };
  }
}

class HealthQuestion {
  readonly #probe: Extract<Probe, { readonly kind: "grpc" }>;
  #body: Uint8Array = new Uint8Array(0);

  constructor(probe: Extract<Probe, { readonly kind: "grpc" }>) {
    this.#probe = probe;
  }

  opening(): readonly Uint8Array[] {
    const { host, port, service, tls } = this.#probe;
    const headers = headerBlock([
      [":method", "POST"],
      [":scheme", tls === undefined ? "http" : "https"],
      [":path", "/grpc.health.v1.Health/Check"],
      [":authority", `${host.includes(":") ? `[${host}]` : host}:${port}`],
      ["content-type", "application/grpc"],
      ["te", "trailers"],
    ]);
    return [
      frame({ type: FRAME.HEADERS, flags: END_HEADERS, stream: 1, payload: headers }),
      frame({ type: FRAME.DATA, flags: END_STREAM, stream: 1, payload: healthRequest(service) }),
    ];
  }

  take(one: Frame): ProbeResult | undefined {
    if (one.stream !== 1) return undefined;
    if (one.type === FRAME.RST_STREAM) return { status: "critical", output: "the question was refused" };
    if (one.type === FRAME.DATA) this.#body = concatBytes([this.#body, dataOf(one)]);
    const status = healthStatus(this.#body);
    if (status !== undefined) {
      const name = STATUS_NAMES[status] ?? String(status);
      return { status: status === SERVING ? "passing" : "critical", output: `status ${name}` };
    }
    const ended = (one.type === FRAME.DATA || one.type === FRAME.HEADERS) && (one.flags & END_STREAM) !== 0;
    return ended
      ? { status: "critical", output: "no health service there, or it does not know this service" }
      : undefined;
  }
}

/** One message behind its length: field 1 is the service's name, left out when empty. */
function healthRequest(service: string): Uint8Array {
  const name = utf8(service);
  const message = name.length === 0 ? new Uint8Array(0) : Uint8Array.of(0x0a, ...varint(name.length), ...name);
  const head = new Uint8Array(5);
  new DataView(head.buffer).setUint32(1, message.length);
  return concatBytes([head, message]);
}

function varint(value: number): readonly number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)];
}

/** Field 1 of the answer; undefined while it is not there whole. */
function healthStatus(body: Uint8Array): number | undefined {
  if (body.length < 5) return undefined;
  const length = new DataView(body.buffer, body.byteOffset).getUint32(1);
  if (body.length < 5 + length) return undefined;
  return body[5] === 0x08 ? (body[6] ?? 0) : 0;
}
