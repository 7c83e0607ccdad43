import type { TemplateData } from "#base/client/templates/template.ts";
import type { IngressConfig, MapEntries, Server, Slot } from "../config/model.ts";
import { assignSlots } from "../config/slots.ts";
import { CONFIG_FILE, type FileSet } from "../haproxy/haproxy.ts";
import { certificateCommands } from "./certificate-changes.ts";
import { mapCommands, serverCommands } from "./changes.ts";
import { mapText, type Renderer, type Rendering, type Slots } from "./render.ts";

/** What HAProxy runs with, or is to run with. */
export interface Plan {
  /** The configuration without what can change while HAProxy runs. */
  readonly structure: readonly string[];
  readonly files: FileSet;
  readonly slots: Slots;
  readonly config: IngressConfig;
}

/** Makes a plan of a configuration; what is the same as in the one before is not worked out again. */
export class Planner {
  readonly #render: Renderer;
  /** The servers that slots were last assigned for. */
  readonly #given = new WeakMap<readonly Slot[], readonly Server[]>();
  /** What maps are as files, while they stay the same. */
  readonly #texts = new WeakMap<MapEntries, string>();

  constructor({ render }: { readonly render: Renderer }) {
    this.#render = render;
  }

  /** `before`: the slots that HAProxy runs with. */
  plan(config: IngressConfig, data: TemplateData, before: Slots | undefined): Plan {
    const slots: Slots = new Map(
      config.backends.map(({ name, servers }) => [name, this.#slotsFor(servers, before?.get(name))]),
    );
    const rendering = this.#render(config, slots, data);
    return { structure: rendering.structure, files: this.#filesOf(rendering, config), slots, config };
  }

  /** Most backends have the servers they had. */
  #slotsFor(servers: readonly Server[], before: readonly Slot[] | undefined): readonly Slot[] {
    if (before !== undefined && this.#given.get(before) === servers) return before;
    const slots = assignSlots(servers, before);
    this.#given.set(slots, servers);
    return slots;
  }

  #filesOf({ text }: Rendering, config: IngressConfig): FileSet {
    const files = new Map(config.files);
    for (const [file, entries] of config.maps) {
      const known = this.#texts.get(entries) ?? mapText(entries);
      this.#texts.set(entries, known);
      files.set(file, known);
    }
    return files.set(CONFIG_FILE, text);
  }
}

/** What to tell HAProxy; undefined: only a reload can do it. */
export function commandsFor(before: Plan, next: Plan): readonly string[] | undefined {
  if (before.structure.length !== next.structure.length) return undefined;
  if (next.structure.some((part, at) => part !== before.structure[at])) return undefined;
  const { config } = next;
  const certificates = certificateCommands(before.config.files, config.files);
  const maps = mapCommands(before.config.maps, config.maps);
  if (maps === undefined || certificates === undefined) return undefined;
  // Certificates first: who sees an answer to a challenge may rely on its proof.
  return [...certificates, ...serverCommands(before.slots, next.slots), ...maps];
}
