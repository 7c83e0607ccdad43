import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError } from "#base/env/errors.ts";
import { readDefinitions, type Definitions } from "./definition-text.ts";
import type { LocalState } from "./local-state.ts";

/** Services and checks that the files of a folder define: read at the start and again when the agent is told to. */
export class DefinitionFiles {
  readonly #env: Env;
  readonly #folder: string;
  #services: ReadonlySet<string> = new Set();
  #checks: ReadonlySet<string> = new Set();

  /** Files are those of the folder named `*.hcl` and `*.json`, in order of their names. */
  constructor(env: Env, folder: string) {
    this.#env = env;
    this.#folder = folder;
  }

  /** Rejects with a `CodedError` that names the file; what was registered before stays then. */
  async load(state: LocalState): Promise<void> {
    const names = (await this.#env.disk.list(this.#folder)).filter((name) => /\.(?:hcl|json)$/.test(name));
    const found: (Definitions & { readonly path: string })[] = [];
    for (const name of names.toSorted()) {
      const path = `${this.#folder}/${name}`;
      const bytes = await this.#env.disk.read(path);
      if (bytes !== undefined) found.push({ path, ...readDefinitions({ name: path, text: textOf(bytes) }) });
    }
    const [services, checks] = [new Set<string>(), new Set<string>()];
    for (const { path, services: given } of found) {
      for (const definition of given) {
        demand(path, state.registerService(definition, { origin: "file" }));
        services.add(definition.ID || definition.Name);
      }
    }
    // Checks refer to services, of whatever file.
    for (const { path, checks: given } of found) {
      for (const definition of given) {
        demand(path, state.registerCheck(definition, "file"));
        checks.add(definition.CheckID || definition.ID || definition.Name);
      }
    }
    for (const id of this.#services) if (!services.has(id)) state.deregisterService(id);
    for (const id of this.#checks) if (!checks.has(id)) state.deregisterCheck(id);
    this.#services = services;
    this.#checks = checks;
  }
}

function demand(path: string, done: ReturnType<LocalState["registerCheck"]>): void {
  if (!done.ok) throw new CodedError(done.error.code, `${path}: ${done.error.message}`, done.error.hint);
}
