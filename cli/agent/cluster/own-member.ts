import type { Env } from "#base/env/env.ts";
import { CodedError } from "#base/env/errors.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { Addresses } from "../addresses.ts";
import type { DataFolder } from "../data-folder.ts";
import { readMembership, type Membership } from "../internal/membership.ts";
import type { EtcdEngine } from "./engine-file.ts";
import { EtcdCertificates } from "./etcd-certificates.ts";
import { etcdFiles } from "./etcd-files.ts";
import type { MemberTls } from "./member-tls.ts";
import { startOwnEtcd, type OwnEtcdOptions, type StartedEtcd } from "./own-etcd.ts";

export interface OwnMemberDeps {
  readonly env: Pick<Env, "exec" | "clock" | "log" | "disk">;
  readonly config: AgentConfig;
  readonly addresses: Addresses;
  readonly folder: DataFolder;
  readonly nodeId: string;
}

export interface OwnMember extends Pick<OwnEtcdOptions, "clientUrl" | "peerUrl" | "tls">, Pick<StartedEtcd, "ready"> {
  /** Undefined: its process does not run just now. */
  pid(): number | undefined;
  /** Ids of the authorities that the running process trusts; undefined: its certificates are not the node's. */
  readonly trusts: string | undefined;
  /** And those that it trusts after a {@link restart}. */
  readonly wanted: string | undefined;
  /** The node has another certificate, or trusts others. */
  renew(membership: Membership): Promise<void>;
  restart(): Promise<void>;
  /** Killed after `graceMs` (default 1000): what it acknowledged is on its disk. */
  stop(graceMs?: number): Promise<void>;
}

/** Starts the member that this server looks after. Rejects with a `CodedError`. */
export async function startOwnMember(deps: OwnMemberDeps, file: EtcdEngine): Promise<OwnMember> {
  const { env, folder, nodeId } = deps;
  const { tls, ...urls } = await memberPlace(deps);
  const { token, first, members } = file;
  const { process, ready } = await startOwnEtcd({
    env,
    folder: etcdFolder(folder),
    name: nodeId,
    ...urls,
    token,
    quotaBytes: deps.config.state.etcd.quotaBytes,
    first,
    members,
    tls,
  });
  const certificates = tls instanceof EtcdCertificates ? tls : undefined;
  let trusts = certificates?.trusts;
  return {
    ...urls,
    tls,
    ready,
    pid: () => process.pid,
    get trusts() {
      return trusts;
    },
    get wanted() {
      return certificates?.trusts;
    },
    renew: async (membership) => certificates?.renew(membership),
    restart: async () => {
      const next = certificates?.trusts;
      await process.restart();
      trusts = next;
    },
    stop: (graceMs) => process.stop(graceMs),
  };
}

/** Where this server's member listens, and what it proves itself with. Rejects with a `CodedError`. */
export async function memberPlace(deps: OwnMemberDeps): Promise<Pick<OwnEtcdOptions, "clientUrl" | "peerUrl" | "tls">> {
  const tls = await tlsOf(deps);
  return { ...memberUrls(deps, tls !== undefined), tls };
}

export function etcdFolder({ root }: Pick<DataFolder, "root">): string {
  return `${root}/etcd`;
}

/** Where this server's member listens. */
function memberUrls(
  { config, addresses }: Pick<OwnMemberDeps, "config" | "addresses">,
  isTls: boolean,
): Pick<OwnEtcdOptions, "clientUrl" | "peerUrl"> {
  const host = addresses.advertise.includes(":") ? `[${addresses.advertise}]` : addresses.advertise;
  const scheme = isTls ? "https" : "http";
  const { etcd, etcdPeer } = config.ports;
  return { clientUrl: `${scheme}://${host}:${etcd}`, peerUrl: `${scheme}://${host}:${etcdPeer}` };
}

/** That of the configuration, or the node's own; without either it has to stay on loopback. */
async function tlsOf({ env, config, addresses, folder }: OwnMemberDeps): Promise<MemberTls | undefined> {
  const { etcd } = config.state;
  const given = etcd.certFile === "" ? undefined : etcdFiles(etcd, () => env.clock.nowMs());
  if (given !== undefined)
    return { pem: given, files: { ca: etcd.caFile, cert: etcd.certFile, key: etcd.keyFile }, peersName: "" };
  const membership = await readMembership(env.disk, folder.root);
  if (membership !== undefined) return EtcdCertificates.create(env.disk, folder.root, membership);
  if (/^(127\.|::1$|localhost$)/.test(addresses.advertise)) return undefined;
  throw new CodedError(
    "etcd_open",
    `etcd would be open to everybody who reaches ${addresses.advertise}`,
    "make this server part of a cluster (`lares init`), or give it a certificate: state { etcd { ca_file, cert_file, key_file } }",
  );
}
