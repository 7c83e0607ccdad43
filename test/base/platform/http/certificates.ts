import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { makeCertificate } from "#base/language/x509/certificate.ts";
import { unpem } from "#base/language/x509/keys.ts";

export interface TestAuthority {
  readonly ca: string;
  issue(
    names: readonly string[],
    from?: { readonly fromMs?: number; readonly toMs?: number },
  ): { readonly cert: string; readonly key: string };
}

const HOUR_MS = 3_600_000;

/** An authority for one test. */
export function testAuthority(name = "test authority"): TestAuthority {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const nowMs = Date.now();
  const common = { fromMs: nowMs - HOUR_MS, toMs: nowMs + HOUR_MS, addresses: [Uint8Array.of(127, 0, 0, 1)] };
  const own = { ...common, commonName: name, serial: Uint8Array.of(1), names: [], isAuthority: true, key: privateKey };
  const ca = makeCertificate({ ...own, issuer: undefined }) ?? "";
  let serial = 1;
  return {
    ca,
    issue(names, { fromMs = common.fromMs, toMs = common.toMs } = {}) {
      const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
      serial += 1;
      const cert = makeCertificate({
        ...common,
        fromMs,
        toMs,
        commonName: names[0] ?? "",
        serial: Uint8Array.of(serial),
        names,
        isAuthority: false,
        key,
        issuer: { certificate: unpem(ca) ?? new Uint8Array(), key: privateKey },
      });
      const pem = key.export({ type: "pkcs8", format: "pem" }).toString();
      return { cert: cert ?? "", key: createPrivateKey(pem).export({ type: "sec1", format: "pem" }).toString() };
    },
  };
}
