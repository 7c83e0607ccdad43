import type { TemplateData } from "#base/client/templates/template.ts";
import { readHost } from "../routes/words.ts";
import type { Section } from "./model.ts";

/** List of certificates that prove names by TLS-ALPN-01. */
export const PROOF_LIST = "proofs/list";
const SOCKET = "unix@acme.sock";

/** Goes into the frontend of HTTPS: who speaks `acme-tls/1` is an authority that looks for a proof (RFC 8737 section 3). */
export const PROOF_LINE = "use_backend acme-tls if { req.ssl_alpn -m sub acme-tls/1 }";

/** Where the proofs are shown. Its list may be empty, and is changed while HAProxy runs. */
export const PROOF_SECTIONS: readonly Section[] = [
  { head: "backend acme-tls", lines: ["mode tcp", `server acme-tls ${SOCKET} send-proxy-v2`] },
  {
    head: "frontend acme-tls-shown",
    lines: [
      "mode tcp",
      `bind ${SOCKET} accept-proxy ssl crt-list ${PROOF_LIST} strict-sni alpn acme-tls/1`,
      "tcp-request content reject",
    ],
  },
];

/** Files of the proofs below a prefix of the key-value store: certificate and key, by the name they prove. */
export function proofFiles(data: TemplateData, prefix: string): ReadonlyMap<string, string> {
  const pems = data.prefix(prefix).flatMap(({ key, value }): [string, string][] => {
    const host = readHost(key.slice(prefix.length));
    const isProof = host.ok && host.value.hostKind === "exact" && /^[A-Za-z0-9+/=\s-]+$/.test(value);
    return isProof ? [[`proofs/${host.value.host}.pem`, value]] : [];
  });
  return new Map([...pems, [PROOF_LIST, pems.map(([file]) => `${file}\n`).join("")]]);
}
