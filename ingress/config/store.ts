import { X509Certificate } from "node:crypto";
import type { TemplateData } from "#base/client/templates/template.ts";
import type { Exposed } from "../routes/collect.ts";
import { readName } from "../routes/words.ts";

/** Lists of users and authorities of the cluster that routes name. */
export interface Store {
  readonly authorities: ReadonlyMap<string, { readonly pem: string; readonly commonName: string }>;
  readonly users: ReadonlyMap<string, readonly string[]>;
  /** All authorities that sign clients' certificates. */
  readonly bundle: string;
}

/** Asks the key-value store only for what routes name. */
export function readStore(data: TemplateData, store: string, routes: readonly Exposed[]): Store {
  const authorities = new Map<string, { readonly pem: string; readonly commonName: string }>();
  const users = new Map<string, readonly string[]>();
  const bundle = new Set<string>();
  for (const { options } of routes) {
    for (const name of [options.clientCa, options.upstream?.ca]) {
      if (name === undefined || name === "" || !readName(name).ok) continue;
      const found = authorities.get(name) ?? readAuthority(data.key(`${store}/ca/${name}`) ?? "");
      if (found === undefined) continue;
      authorities.set(name, found);
      if (name === options.clientCa) bundle.add(found.pem);
    }
    if (options.usersFrom !== undefined) {
      const lines = (data.key(`${store}/auth/${options.usersFrom}`) ?? "").split("\n").map((line) => line.trim());
      users.set(
        options.usersFrom,
        lines
          .filter((line) => /^[A-Za-z0-9_.@-]{1,64}:\$[A-Za-z0-9]{1,2}\$[A-Za-z0-9./$=,]{8,200}$/.test(line))
          .slice(0, 1000),
      );
    }
  }
  return { authorities, users, bundle: [...bundle].join("\n") };
}

export function authorityFiles({ authorities, bundle }: Store): readonly (readonly [string, string])[] {
  const each = [...authorities].map(([name, { pem }]) => [`ca/${name}.pem`, pem] as const);
  return bundle === "" ? each : [...each, ["ca/clients.pem", bundle]];
}

function readAuthority(text: string): { readonly pem: string; readonly commonName: string } | undefined {
  try {
    const certificate = new X509Certificate(text);
    const commonName = /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? "";
    return { pem: certificate.toString(), commonName };
  } catch {
    return undefined;
  }
}
