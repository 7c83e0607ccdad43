import * as v from "valibot";
import { concatBytes } from "#base/env/bytes.ts";
import { CodedError } from "#base/env/errors.ts";
import type { Net, Stream } from "#base/env/net.ts";
import { decodeValue } from "#daemons/discovery/serf/wire/decode-value.ts";
import { encodeValue } from "#daemons/discovery/serf/wire/encode-value.ts";
import { countField, textField } from "#daemons/discovery/serf/wire/fields.ts";
import { splitHostPort } from "#daemons/discovery/serf/shell/host-port.ts";
import type { WireMap, WireValue } from "#daemons/discovery/serf/wire/value.ts";

const HeaderSchema = v.object({ Seq: countField(Number.MAX_SAFE_INTEGER), Error: textField });
const RPC_PORT = 7373;
const CONNECT_MS = 10_000;
/** What is kept of an answer that is not whole yet. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

interface Waiting {
  readonly hasBody: boolean;
  readonly settle: (answer: { readonly error: string; readonly body: WireValue }) => void;
  readonly fail: (error: Error) => void;
}

/** A client of a Serf agent's RPC port: a header with a sequence number, then a body. */
export class SerfRpc {
  readonly #stream: Stream;
  readonly #waiting = new Map<number, Waiting>();
  readonly #streams = new Map<number, (record: WireValue) => void>();
  #onEnd: (error: Error) => void = () => undefined;
  #bytes: Uint8Array = new Uint8Array();
  #seq = 0;

  private constructor(stream: Stream) {
    this.#stream = stream;
    stream.onData((data) => this.#take(data));
    stream.onClose((error) => this.#end(error ?? new Error("the agent closed the connection")));
  }

  /** Rejects with words when nobody listens there, or the token is wrong. */
  static async connect(
    net: Net,
    { address, auth }: { readonly address: string; readonly auth: string },
  ): Promise<SerfRpc> {
    const at = splitHostPort(address, RPC_PORT);
    if (!at.ok) throw new CodedError("serf_address", at.error.message, at.error.hint);
    const stream = await net.connect({ ...at.value, timeoutMs: CONNECT_MS }).catch((thrown: unknown) => {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      throw new CodedError(
        "serf_unreachable",
        `Error connecting to Serf agent: ${reason}`,
        "start one with `serf agent`, or give -rpc-addr; agents of lares serve it with discovery { gossip { rpc_addr = … } }",
      );
    });
    const rpc = new SerfRpc(stream);
    await rpc.call("handshake", { Version: 1 });
    if (auth !== "") await rpc.call("auth", { AuthKey: auth });
    return rpc;
  }

  close(): void {
    this.#stream.destroy();
  }

  /** An answer without a body. Rejects with the agent's words. */
  async call(command: string, body?: WireMap): Promise<void> {
    await this.#ask(command, body, false);
  }

  /** An answer of this shape. */
  async ask<T>(schema: v.GenericSchema<unknown, T>, command: string, body?: WireMap): Promise<T> {
    return v.parse(schema, await this.#ask(command, body, true));
  }

  /** Records until the connection ends; resolves when it does. */
  async follow(command: string, body: WireMap, onRecord: (record: WireValue) => void): Promise<void> {
    this.#streams.set(this.#seq + 1, onRecord);
    await this.#ask(command, body, false);
  }

  /** Rejects once the connection is over. */
  ended(): Promise<never> {
    return new Promise((_resolve, reject) => (this.#onEnd = reject));
  }

  #ask(command: string, body: WireMap | undefined, hasBody: boolean): Promise<WireValue> {
    const seq = ++this.#seq;
    const header = encodeValue({ Command: command, Seq: seq });
    return new Promise((resolve, reject) => {
      const settle: Waiting["settle"] = (answer) =>
        answer.error === "" ? resolve(answer.body) : reject(new CodedError("serf_refused", answer.error));
      this.#waiting.set(seq, { hasBody, settle, fail: reject });
      const bytes = body === undefined ? header : concatBytes([header, encodeValue(body)]);
      this.#stream.write(bytes).catch(reject);
    });
  }

  #take(data: Uint8Array): void {
    this.#bytes = concatBytes([this.#bytes, data]);
    while (this.#bytes.length > 0) {
      const end = this.#takeOne();
      if (end === undefined) break;
      this.#bytes = this.#bytes.subarray(end);
    }
    if (this.#bytes.length > MAX_ANSWER_BYTES) this.#end(new Error("an answer is too long"));
  }

  /** Where the next answer begins; undefined: more bytes are needed. */
  #takeOne(): number | undefined {
    const decoded = decodeValue(this.#bytes);
    if (!decoded.ok) return this.#incomplete(decoded.error.code);
    const header = v.safeParse(HeaderSchema, decoded.value.value);
    if (!header.success) return this.#incomplete("WIRE_BAD");
    const { Seq: seq, Error: error } = header.output;
    const waiting = this.#waiting.get(seq);
    const onRecord = this.#streams.get(seq);
    // What follows an error, if anything does, is of no use: whoever asked ends.
    const isRecord = waiting === undefined && onRecord !== undefined;
    const hasBody = error === "" && (isRecord || waiting?.hasBody === true);
    const body = hasBody ? decodeValue(this.#bytes, decoded.value.end) : undefined;
    if (body?.ok === false) return this.#incomplete(body.error.code);
    this.#waiting.delete(seq);
    const value = body?.value.value ?? null;
    if (waiting !== undefined) waiting.settle({ error, body: value });
    else onRecord?.(value);
    return body?.value.end ?? decoded.value.end;
  }

  #incomplete(code: string): undefined {
    if (code !== "WIRE_SHORT")
      this.#end(new Error("the agent's answer cannot be read: is this a Serf agent's RPC port?"));
    return undefined;
  }

  #end(error: Error): void {
    this.#stream.destroy();
    for (const { fail } of this.#waiting.values()) fail(error);
    this.#waiting.clear();
    this.#onEnd(error);
  }
}
