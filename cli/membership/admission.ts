import * as v from "valibot";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { HttpRequestOptions } from "#base/env/http-client.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import type { MemberRole } from "#base/protocol/cluster.ts";
import { admissionCode } from "#daemons/cluster/admission-code.ts";
import {
  ADMISSION_PATH,
  AdmissionAnswerSchema,
  AdmissionOfferSchema,
  type AdmissionAnswer,
  type AdmissionRequest,
} from "#daemons/cluster/calls.ts";
import { SERVER_NAME } from "#daemons/cluster/names.ts";
import { hashOf, pinOf, readToken } from "#daemons/cluster/token-text.ts";

const CALL_MS = 10_000;
const MAX_BYTES = 65_536;
const SECRET_BYTES = 24;

export interface Asking {
  readonly nodeId: string;
  readonly nodeName: string;
  readonly role?: MemberRole | undefined;
}

/** A node's wish to be let in, as it stands at one server. */
export interface OpenAdmission {
  /** `host:port` of its internal API. */
  readonly at: string;
  readonly clusterId: string;
  /** For both screens. */
  readonly code: string;
  /** What was decided. Rejects while the server cannot be reached, and with `refused` when it forgot us. */
  answer(): Promise<AdmissionAnswer>;
}

/** Asks the server at `at`, of which nothing is known: its authority is believed because a person compares the code. */
export async function askToJoin(env: SystemEnv, at: string, asking: Asking): Promise<OpenAdmission> {
  const secret = Buffer.from(env.random.bytes(SECRET_BYTES)).toString("base64url");
  const nonce = Buffer.from(env.random.bytes(SECRET_BYTES)).toString("base64url");
  const request: AdmissionRequest = {
    nodeId: asking.nodeId,
    nodeName: asking.nodeName,
    ...(asking.role === undefined ? {} : { role: asking.role }),
    secretHash: hashOf(secret),
    commitment: hashOf(nonce),
  };
  const first = await call(env, {
    url: `https://${at}${ADMISSION_PATH}`,
    body: JSON.stringify(request),
    tls: { verify: false },
  });
  const { nonce: serverNonce, authority, clusterId } = v.parse(AdmissionOfferSchema, JSON.parse(first));
  const pin = pinOf(authority);
  const answer = async (): Promise<AdmissionAnswer> => {
    const text = await call(env, {
      url: `https://${at}${ADMISSION_PATH}/${asking.nodeId}`,
      body: JSON.stringify({ secret, nonce }),
      // From here on only a server that this authority certified is spoken to.
      tls: { ca: authority, serverName: SERVER_NAME },
    });
    const answered = v.parse(AdmissionAnswerSchema, JSON.parse(text));
    if (answered.state === "approved") requirePin(answered.token, pin);
    return answered;
  };
  await answer();
  const code = admissionCode({ pin, secretHash: request.secretHash, nodeNonce: nonce, serverNonce });
  return { at, clusterId, code, answer };
}

function requirePin(text: string, pin: string): void {
  const token = readToken(text);
  if (token.ok && token.value.pin === pin) return;
  throw new CodedError(
    "foreign_token",
    "the token that was handed out is of another authority than the one whose code was compared",
  );
}

async function call(env: SystemEnv, request: HttpRequestOptions): Promise<string> {
  const { host } = new URL(request.url);
  try {
    const response = await env.http.request({ timeoutMs: CALL_MS, method: "PUT", ...request });
    const text = await response.text(MAX_BYTES);
    if (response.status === 200) return text;
    throw new CodedError("refused", `the server at ${host} refuses: ${text.trim()}`);
  } catch (thrown) {
    if (thrown instanceof CodedError) throw thrown;
    throw new CodedError("unreachable", `cannot reach a server at ${host}: ${messageOf(thrown)}`);
  }
}
