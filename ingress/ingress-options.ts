import type { BlockingGet } from "#base/client/templates/watch.ts";
import type { OutputTarget } from "#base/env/exec.ts";
import type { Env } from "#base/env/env.ts";
import type { CertificateKeeper } from "./certificates/certificate-keeper.ts";
import type { BuildOptions } from "./config/build.ts";
import type { FollowedTemplate, OwnTemplate } from "./control/own-template.ts";
import type { IngressStatus } from "./control/status.ts";

/** What an ingress is given. */
export interface IngressOptions {
  readonly env: Env;
  readonly get: BlockingGet;
  readonly haproxyProgram: string;
  /** A folder of the ingress's own. */
  readonly dir: string;
  /** Where HTTP is served; TCP routes listen on the same host. */
  readonly host: string;
  /** Addresses that this node may come to hold; the same ports are served there. */
  readonly virtual?: readonly string[];
  readonly port: number;
  readonly httpsPort?: number | undefined;
  readonly adminPort?: number | undefined;
  readonly entryPoints?: Readonly<Record<string, number>>;
  readonly acceptProxy?: boolean;
  readonly http3?: BuildOptions["http3"];
  readonly snippets?: boolean;
  readonly maxConnections?: number;
  /** Where HAProxy's access log goes. Default: our own output. */
  readonly accessLog?: OutputTarget;
  /** A template in place of the built-in one. */
  readonly template?: OwnTemplate | undefined;
  /** A template in a language of its own, in place of the built-in one; told what to call when its text, or what is wrong with it, changes. */
  readonly followed?:
    | ((listener: { readonly onText: () => void; readonly onFailure: () => void }) => FollowedTemplate)
    | undefined;
  /** Gets certificates for routes that ask for them; told what to call when its problems change. */
  readonly keeper?: ((onProblems: () => void) => CertificateKeeper) | undefined;
  /** Answers challenges of ACME at the port of HTTPS (TLS-ALPN-01). */
  readonly provesByTls?: boolean;
  /** Keeps what OCSP responders say, for all ingresses; undefined: nobody is asked. */
  readonly putStaple?: (name: string, text: string) => Promise<void>;
  /** Between two looks at HAProxy. */
  readonly lookMs?: number;
  /** In its status: its node, and which of those there it is. */
  readonly node?: string;
  readonly name?: string;
  /** Takes what is wrong, whenever that changed. */
  readonly tell?: ((problems: IngressStatus["problems"]) => void) | undefined;
  /** Takes what it says of itself, whenever that is something else than before. */
  readonly publish?: (status: IngressStatus) => Promise<void>;
}
