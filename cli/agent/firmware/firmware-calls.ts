import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { Env } from "#base/env/env.ts";
import type { ExchangeRequest, ExchangeResponse } from "#base/http/exchange.ts";
import { flag } from "#base/protocol/schema.ts";
import { FirmwareStateSchema, OfferedFirmwareSchema } from "#base/protocol/rollout.ts";
import type { TlsOptions } from "#base/env/net.ts";
import { nodeServerName, peerOf } from "#daemons/cluster/names.ts";
import { REFUSED, type FirmwareOrder, type RolloutPorts } from "#daemons/rollout/rollout-keeper.ts";
import type { FirmwareNode } from "./firmware-node.ts";

/** Below it nodes answer servers about their firmware. */
export const FIRMWARE_PATH = "/firmware/";

const OrderSchema = v.object({ Source: v.string(), Older: flag });
const MAX_BYTES = 65_536;
/** A node looks at an update over its own line before it answers. */
const ANSWER_MS = 200_000;
const STATE_MS = 10_000;

type Verb = "state" | "offered" | "order";

/** Answers servers alone. Undefined: this machine does not run our firmware. */
export function serveFirmware(firmware: FirmwareNode | undefined) {
  return async (request: ExchangeRequest): Promise<ExchangeResponse> => {
    if (peerOf(request.peer)?.role !== "server") return refusal(403, "only servers ask for a node's firmware");
    if (firmware === undefined) return refusal(404, "this machine does not run the Lares firmware");
    try {
      const verb = request.url.slice(FIRMWARE_PATH.length);
      if (verb === "state") return json(await firmware.state());
      const order = v.parse(OrderSchema, JSON.parse(await bodyOf(request)));
      if (verb === "offered") return json(await firmware.offered(order));
      if (verb !== "order") return refusal(404, "no such thing");
      firmware.order(order);
      return json({});
    } catch (thrown) {
      return refusal(409, messageOf(thrown));
    }
  };
}

export interface FirmwareCallsDeps {
  readonly env: Pick<Env, "http">;
  readonly ownNodeId: string;
  readonly own: FirmwareNode | undefined;
  /** `host:port` of a node's internal API. */
  readonly internalOf: (nodeId: string) => string | undefined;
  readonly tls: () => TlsOptions;
}

/** The same asked of any node. */
export function firmwareCalls(deps: FirmwareCallsDeps): Pick<RolloutPorts, "state" | "offered" | "order"> {
  const { ownNodeId, own } = deps;
  const ask = async (nodeId: string, verb: Verb, order?: FirmwareOrder): Promise<unknown> => {
    if (nodeId === ownNodeId) return askOwn(own, verb, order);
    return askNode(deps, { nodeId, verb, order });
  };
  return {
    state: async (nodeId) => v.parse(FirmwareStateSchema, await ask(nodeId, "state")),
    offered: async (nodeId, order) => v.parse(OfferedFirmwareSchema, await ask(nodeId, "offered", order)),
    order: async (nodeId, order) => void (await ask(nodeId, "order", order)),
  };
}

async function askOwn(own: FirmwareNode | undefined, verb: Verb, order?: FirmwareOrder): Promise<unknown> {
  if (own === undefined) throw new CodedError(REFUSED, "this machine does not run the Lares firmware");
  try {
    if (order === undefined || verb === "state") return await own.state();
    if (verb === "offered") return await own.offered(order);
    own.order(order);
    return {};
  } catch (thrown) {
    throw new CodedError(REFUSED, messageOf(thrown));
  }
}

interface Question {
  readonly nodeId: string;
  readonly verb: Verb;
  readonly order: FirmwareOrder | undefined;
}

async function askNode(deps: FirmwareCallsDeps, { nodeId, verb, order }: Question): Promise<unknown> {
  const address = deps.internalOf(nodeId);
  if (address === undefined) throw new CodedError("node_away", `node ${nodeId.slice(0, 8)} tells no address`);
  const body = order === undefined ? undefined : JSON.stringify({ Source: order.Source, Older: order.Older });
  const response = await deps.env.http.request({
    url: `https://${address}${FIRMWARE_PATH}${verb}`,
    method: body === undefined ? "GET" : "PUT",
    timeoutMs: verb === "state" ? STATE_MS : ANSWER_MS,
    tls: { ...deps.tls(), serverName: nodeServerName(nodeId) },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text(MAX_BYTES);
  if (response.status === 200) return JSON.parse(text);
  throw new CodedError(response.status < 500 ? REFUSED : "node_away", text.trim());
}

async function bodyOf({ body }: ExchangeRequest): Promise<string> {
  let text = "";
  for await (const chunk of body) {
    text += textOf(chunk);
    if (text.length > MAX_BYTES) throw new CodedError("too_large", "the order is too long");
  }
  return text;
}

function json(value: unknown): ExchangeResponse {
  return { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

function refusal(status: number, body: string): ExchangeResponse {
  return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body: `${body}\n` };
}
