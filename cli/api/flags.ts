import type { Flag } from "../command/command.ts";

export function on(summary: string): Flag {
  return { kind: "switch", summary };
}

export function value(name: string, summary: string): Flag {
  return { kind: "value", summary, value: name };
}

export function values(name: string, summary: string): Flag {
  return { kind: "values", summary, value: name };
}

const TLS_FLAGS: Readonly<Record<string, Flag>> = {
  "ca-cert": value("FILE", "Certificate authority the agent's certificate is checked against"),
  "client-cert": value("FILE", "Certificate shown to the agent"),
  "client-key": value("FILE", "Its key"),
  "tls-server-name": value("NAME", "Name expected in the agent's certificate"),
  "tls-skip-verify": on("Do not check the agent's certificate"),
};

/** Of every command that asks the scheduler's API. */
export const NOMAD_FLAGS: Readonly<Record<string, Flag>> = {
  address: value("ADDRESS", "Scheduler API: http(s)://HOST:PORT or unix:///PATH (LARES_ADDR, NOMAD_ADDR)"),
  token: value("TOKEN", "Access token (LARES_TOKEN, NOMAD_TOKEN)"),
  namespace: value("NAME", "Namespace (LARES_NAMESPACE, NOMAD_NAMESPACE)"),
  region: value("NAME", "Region (NOMAD_REGION)"),
  json: on("Print JSON"),
  t: value("TEMPLATE", "Print the answer through a Go template"),
  ...TLS_FLAGS,
};

/** Of every command that asks the discovery API. */
export const CONSUL_FLAGS: Readonly<Record<string, Flag>> = {
  "http-addr": value(
    "ADDRESS",
    "Discovery API: http(s)://HOST:PORT or unix:///PATH (LARES_CONSUL_ADDR, CONSUL_HTTP_ADDR)",
  ),
  token: value("TOKEN", "Access token (LARES_TOKEN, CONSUL_HTTP_TOKEN)"),
  datacenter: value("NAME", "Datacenter to ask"),
  json: on("Print JSON"),
  t: value("TEMPLATE", "Print the answer through a Go template"),
  ...TLS_FLAGS,
};
