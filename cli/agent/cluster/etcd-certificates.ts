import { utf8 } from "#base/env/bytes.ts";
import type { Disk } from "#base/env/disk.ts";
import type { EtcdTls } from "#base/platform/etcd/grpc-connection.ts";
import { SERVER_NAME } from "#daemons/cluster/names.ts";
import { clusterFolder, type Membership } from "../internal/membership.ts";
import type { MemberTls } from "./member-tls.ts";

/** What a server's etcd proves itself with: the node's own certificate, which only those of servers are believed beside. */
export class EtcdCertificates implements MemberTls {
  readonly peersName = SERVER_NAME;
  readonly files: MemberTls["files"];
  readonly #disk: Disk;
  #membership: Membership;
  #writing: Promise<void> = Promise.resolve();

  private constructor(disk: Disk, folder: string, membership: Membership) {
    this.#disk = disk;
    this.#membership = membership;
    this.files = { ca: `${folder}/etcd-ca.pem`, cert: `${folder}/etcd-cert.pem`, key: `${folder}/etcd-key.pem` };
  }

  static async create(disk: Disk, dataDir: string, membership: Membership): Promise<EtcdCertificates> {
    const made = new EtcdCertificates(disk, clusterFolder(dataDir), membership);
    await made.#write();
    return made;
  }

  readonly pem = (): EtcdTls => {
    const { authorities: ca, certificate: cert, key } = this.#membership;
    return { ca, cert, key, serverName: SERVER_NAME };
  };

  /** Ids of the authorities in its files, sorted, with commas. */
  get trusts(): string {
    return this.#membership.trust.split(":")[1] ?? "";
  }

  /** Etcd reads certificate and key for every connection, and whom it trusts when it starts. */
  renew(membership: Membership): Promise<void> {
    this.#membership = membership;
    // Two at once would leave the older one's certificate, or beside it the newer one's key.
    this.#writing = this.#writing.catch(() => {}).then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    const { authorities, certificate, key } = this.#membership;
    const write = (path: string, text: string): Promise<void> => this.#disk.replace(path, utf8(text), { mode: 0o600 });
    await write(this.files.ca, authorities);
    await write(this.files.key, key);
    await write(this.files.cert, certificate);
  }
}
