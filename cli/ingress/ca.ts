import { readOwnAuthority } from "#ingress/certificates/own-authority.ts";
import { foundOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";

const KEY = "lares/ingress/authority";

/** The certificate of the cluster's authority for internal names, PEM: what clients are to trust. Exit code 1: there is none yet. */
export const ca = withConsul(async ({ consul, output, datacenter }) => {
  const [pair] = foundOf(await consul.kv.get(KEY, { datacenter })) ?? [];
  const read = readOwnAuthority(Buffer.from(pair?.Value ?? "", "base64").toString("utf8"));
  if (read === undefined) {
    output.line("There is no authority yet: it is made when a route first asks for lares.certificate=internal");
    return 1;
  }
  output.line(read.certificate.trim());
  return 0;
});
