import type { VaultDependency } from "../../dependencies/dependency.ts";
import type { Source } from "../../engine/source.ts";
import { followCertificate } from "./certificate-watch.ts";
import { followSecret } from "./secret-watch.ts";
import type { VaultSourceOptions } from "./vault-options.ts";

/** Secrets and certificates; leases are kept alive, and nothing is used beyond its end while the server answers. */
export function createVaultSource<V>(options: VaultSourceOptions<V>): Source<VaultDependency, V> {
  return {
    follow: (dependency, sink, signal) =>
      dependency.kind === "vault.pki"
        ? followCertificate(dependency, { ...options, sink }, signal)
        : followSecret(dependency, { ...options, sink }, signal),
  };
}
