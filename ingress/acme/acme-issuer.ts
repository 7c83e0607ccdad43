import { createPrivateKey } from "node:crypto";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Issue } from "../certificates/certificate-keeper.ts";
import { openAccount, type AccountOptions } from "./account.ts";
import type { ChallengeStore } from "./challenge-store.ts";
import { orderCertificate, type ChallengeKind } from "./order.ts";

export interface AcmeIssuerOptions extends AccountOptions {
  readonly challenges: ChallengeStore;
  /** How names are proven, the best first; those with a star only by DNS-01. */
  readonly kinds: readonly ChallengeKind[];
}

/** Gets certificates from the authority that the options name, with the cluster's account. */
export async function openAcmeIssuer(options: AcmeIssuerOptions): Promise<Result<Issue>> {
  const { env, directory, challenges, makeKey, kinds } = options;
  if (directory === "")
    return fail(
      "acme_none",
      "no authority is named to get certificates from",
      "start the ingress with -var acme=DIRECTORY, or ask for certificate=internal",
    );
  const account = await openAccount(options);
  if (!account.ok) return account;
  return succeed(async (name, signal) => {
    const key = await makeKey();
    return orderCertificate({
      clock: env.clock,
      api: account.value,
      names: [name],
      certificateKey: createPrivateKey(key).export({ type: "pkcs8", format: "pem" }).toString(),
      kinds: name.startsWith("*.") ? ["dns-01"] : kinds,
      publish: challenges.publish,
      withdraw: challenges.withdraw,
      signal,
    });
  });
}
