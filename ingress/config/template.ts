import type { Section } from "./model.ts";

/**
 * HAProxy's configuration (2.6 and later) is made of four parts: `global`, `defaults`, `sections`, `backends`. Templates of
 * users take them in under these names. Every value in them was checked or made by us, so none needs quoting.
 */
export interface PartsModel {
  readonly maxConnections: number;
  readonly sections: readonly Section[];
  /** All backends, as they stand in the configuration. */
  readonly blocks: string;
}

const GLOBAL = `global
    log stdout format raw local0 info
    maxconn {{maxConnections}}
    stats socket unix@haproxy.sock mode 600 level admin expose-fd listeners
    # Workers of an older configuration end with their last connection, or after this long.
    hard-stop-after 10m
    # The intermediate profile of https://ssl-config.mozilla.org
    ssl-default-bind-ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
    ssl-default-server-options ssl-min-ver TLSv1.2
`;

const DEFAULTS = `defaults
    mode http
    option dontlognull
    option redispatch 1
    # Of servers that have just died several may be in turn before one that lives: of four of which two are dead, and nobody
    # has said so yet, three tries more lose one request in a thousand, eight none.
    retries 8
    # A server that ends as it is asked, over a connection kept from before too: another one is.
    retry-on conn-failure empty-response
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
    timeout client-fin 30s
    timeout http-request 10s
    timeout http-keep-alive 60s
    timeout queue 10s
`;

/** As partials of Handlebars. */
export const PARTIALS: Readonly<Record<string, string>> = {
  global: GLOBAL,
  defaults: DEFAULTS,
  sections: `{{#each sections}}

{{head}}
{{#each lines}}
    {{this}}
{{/each}}
{{/each}}`,
  backends: "{{blocks}}",
};

/** The same written at once: an ingress without a template of a user's own does without the engine, which takes 2 MB. */
const WRITERS: Readonly<Record<string, (model: PartsModel) => string>> = {
  global: ({ maxConnections }) => GLOBAL.replace("{{maxConnections}}", String(maxConnections)),
  defaults: () => DEFAULTS,
  sections: ({ sections }) => sections.map(({ head, lines }) => `\n${head}\n${indented(lines)}`).join(""),
  backends: ({ blocks }) => blocks,
};

/** Empty for a name that no part has. */
export function writePart(name: string, model: PartsModel): string {
  return WRITERS[name]?.(model) ?? "";
}

/** The whole configuration, where no user's template says otherwise. */
export function writeConfig(model: PartsModel): string {
  const part = (name: string): string => writePart(name, model);
  return `# Written by the ingress; changes made here are lost.\n${part("global")}\n${part("defaults")}${part("sections")}${part("backends")}`;
}

/** One backend of the part `backends`. */
export function writeBackend(backend: {
  readonly name: string;
  readonly label: string;
  readonly lines: readonly string[];
  readonly servers: readonly string[];
}): string {
  const { name, label, lines, servers } = backend;
  return `\n# ${label}\nbackend ${name}\n${indented(lines)}${indented(servers)}`;
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `    ${line}\n`).join("");
}
