/** One layer: Debian packages, files and commands. Each has a file of its own (`NAME.layer.hcl`), so it can have a keeper of its own. */
export interface Layer {
  readonly name: string;
  readonly packages: readonly string[];
  /** Packages that dependencies name but this layer does without (maintainer scripts never run, so their tools are seldom needed). */
  readonly without: readonly string[];
  readonly directories: readonly DirectoryEntry[];
  readonly files: readonly FileEntry[];
  readonly links: readonly LinkEntry[];
  readonly users: readonly UserEntry[];
  /** Programs with arguments, run as root inside the tree made so far. */
  readonly run: readonly (readonly string[])[];
  /** After those, in order. */
  readonly provisioners: readonly Provisioner[];
  /** Paths dropped from the layer at its end. */
  readonly remove: readonly string[];
}

/** Something that changes the tree made so far by programs of its own; those do not become part of it. */
export interface Provisioner {
  readonly kind: "shell" | "ansible-local" | "puppet-apply";
  /** Absolute path of the script, the playbook or the manifest; all of its folder is at hand. */
  readonly file: string;
  readonly arguments: readonly string[];
  /** Of the environment, of the playbook, or as facts. */
  readonly variables: Readonly<Record<string, string>>;
}

export interface DirectoryEntry {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface FileEntry extends DirectoryEntry {
  /** Exactly one of the two: text, or a file's absolute path. */
  readonly content: string | undefined;
  readonly source: string | undefined;
}

export interface LinkEntry {
  readonly path: string;
  readonly target: string;
}

export interface UserEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** An image: layers bottom up, and how it is run. */
export interface Image {
  readonly name: string;
  /** `repository:tag`, at least one. */
  readonly tags: readonly string[];
  /** `amd64` or `arm64`. */
  readonly architecture: string;
  readonly layers: readonly Layer[];
  readonly config: ImageConfig;
}

/** https://github.com/opencontainers/image-spec/blob/v1.1.0/config.md */
export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly workdir: string;
  /** `6379/tcp` */
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal: string;
}
