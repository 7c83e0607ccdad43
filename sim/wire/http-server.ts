import { utf8 } from "#base/env/bytes.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Exchange, ExchangeResponse } from "#base/http/exchange.ts";
import type { Life } from "../machine/life.ts";
import type { Channel } from "./channel.ts";

export interface Serving {
  readonly channel: Channel;
  readonly client: Life;
  readonly life: Life;
  readonly exchange: Exchange;
  readonly abort: AbortController;
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Uint8Array;
  };
  readonly onHead: (status: number, headers: Readonly<Record<string, string>>) => void;
  readonly onPart: (part: Uint8Array) => void;
  readonly onEnd: () => void;
}

const REQUEST_PORT = 40_000;

/** Carries a request to the serving life and its answer back, piece by piece. */
export function serveRequest(serving: Serving): void {
  const { channel, request, life, client, abort } = serving;
  channel.onBroken(life, () => abort.abort());
  channel.send(0, {
    label: `${request.method} ${request.url} (${request.body.length} bytes)`,
    deliver: () => {
      async function* body(): AsyncGenerator<Uint8Array> {
        await Promise.resolve();
        if (request.body.length > 0) yield request.body;
      }
      const answering = Promise.resolve().then(() =>
        serving.exchange({
          method: request.method,
          url: request.url,
          headers: request.headers,
          body: body(),
          remote: { host: client.address, port: REQUEST_PORT },
          signal: abort.signal,
        }),
      );
      void answering
        .catch((thrown: unknown): ExchangeResponse => ({ status: 500, headers: {}, body: messageOf(thrown) }))
        .then((answer) => sendAnswer(serving, answer));
    },
  });
}

async function sendAnswer(serving: Serving, answer: ExchangeResponse): Promise<void> {
  const { channel } = serving;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    headers[name.toLowerCase()] = typeof value === "string" ? value : value.join(", ");
  }
  channel.send(1, { label: `answer ${answer.status}`, deliver: () => serving.onHead(answer.status, headers) });
  const { body } = answer;
  try {
    if (typeof body === "string") sendPart(serving, utf8(body));
    else if (body instanceof Uint8Array) sendPart(serving, body.slice());
    else for await (const part of body) sendPart(serving, part.slice());
  } catch {
    channel.break("ECONNRESET");
    return;
  }
  channel.send(1, {
    label: "end of answer",
    deliver: () => {
      serving.onEnd();
      channel.close();
    },
  });
}

function sendPart({ channel, onPart }: Serving, part: Uint8Array): void {
  if (part.length > 0) channel.send(1, { label: `${part.length} bytes`, deliver: () => onPart(part) });
}
