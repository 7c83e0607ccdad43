import { createPrivateKey, X509Certificate } from "node:crypto";
import { makeCertificate } from "#base/language/x509/certificate.ts";
import { makeEcKey } from "#base/platform/ec-key.ts";

export interface Signed {
  readonly ca: string;
  /** Certificate, chain and key. */
  readonly pem: string;
}

/** A certificate for a name, by an authority of its own. */
export async function signed(name: string): Promise<Signed> {
  const [caKey, key] = [await makeEcKey(), await makeEcKey()];
  const made = (of: string, own: string, issuer: Parameters<typeof makeCertificate>[0]["issuer"]): string =>
    makeCertificate({
      commonName: of,
      fromMs: Date.now() - 3_600_000,
      toMs: Date.now() + 86_400_000,
      serial: Uint8Array.of(issuer === undefined ? 1 : 2),
      addresses: [],
      names: issuer === undefined ? [] : [of],
      isAuthority: issuer === undefined,
      key: createPrivateKey(own),
      issuer,
    }) ?? "";
  const ca = made("Test", caKey, undefined);
  const leaf = made(name, key, { certificate: new X509Certificate(ca).raw, key: createPrivateKey(caKey) });
  return { ca, pem: `${leaf}${ca}${key}` };
}
