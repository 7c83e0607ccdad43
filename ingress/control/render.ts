import type { TemplateData, TemplateFunction } from "#base/client/templates/template.ts";
import type { Backend, IngressConfig, MapEntries, Slot } from "../config/model.ts";
import { slotLine } from "../config/slots.ts";
import { writeBackend, writeConfig, writePart, type PartsModel } from "../config/template.ts";
import { fillParts, NEEDED, type OwnTemplate } from "./own-template.ts";

export type Slots = ReadonlyMap<string, readonly Slot[]>;

export interface Rendering {
  readonly text: string;
  /** The same without what can change while HAProxy runs, in parts: one that is the same as before is the same string. */
  readonly structure: readonly string[];
}

export interface RenderOptions {
  readonly maxConnections: number;
  /** In place of the built-in one. */
  readonly template?: OwnTemplate | undefined;
  /** A text that names parts of the built-in one; asked each time, in place of a template. */
  readonly followed?: (() => string) | undefined;
}

export type Renderer = (config: IngressConfig, slots: Slots, data?: TemplateData) => Rendering;

const NO_DATA: TemplateData = {
  services: () => ({}),
  service: () => [],
  everyInstance: () => [],
  key: () => undefined,
  prefix: () => [],
};

/** What a template of a user's own gets beside the parts. */
interface Model extends PartsModel {
  readonly backends: readonly object[];
  readonly routes: IngressConfig["routes"];
}

const NOTHING: Model = { maxConnections: 0, sections: [], blocks: "", backends: [], routes: [] };

/** A function from the typed configuration to HAProxy's text. Throws when the template is malformed. */
export function createRenderer({ maxConnections, template, followed }: RenderOptions): Renderer {
  let current = NOTHING;
  const own = template?.(() => current) ?? (followed === undefined ? undefined : composed(followed, () => current));
  const blockOf = blocks();
  return (config, slots, data = NO_DATA) => {
    const drawn = config.backends.map((backend) => blockOf(backend, slots.get(backend.name) ?? []));
    const render = (all: string, serversOf: (block: Block) => readonly string[]): string => {
      const { sections, routes } = config;
      if (own === undefined) return writeConfig({ maxConnections, sections, blocks: all });
      // Only templates of users go through backends one by one.
      const backends = config.backends.map((backend, at) => {
        const block = drawn[at];
        return { ...backend, instances: backend.servers, servers: block === undefined ? [] : serversOf(block) };
      });
      current = { maxConnections, sections, blocks: all, backends, routes };
      const text = own(data);
      return text.includes("unix@haproxy.sock") ? text : text + NEEDED;
    };
    return {
      text: render(drawn.map(({ text }) => text).join(""), ({ servers }) => servers),
      structure: [render("", ({ places }) => places), ...drawn.map(({ structure }) => structure)],
    };
  };
}

/** One backend. */
interface Block {
  readonly of: readonly Slot[];
  /** As it stands in the configuration. */
  readonly text: string;
  /** Its last lines. */
  readonly servers: readonly string[];
  /** Without what can change while HAProxy runs. */
  readonly structure: string;
  readonly places: readonly string[];
}

/** Draws a backend with its servers; one that is the same as before is not drawn again. */
function blocks(): (backend: Backend, slots: readonly Slot[]) => Block {
  const known = new WeakMap<Backend, Block>();
  return (backend, slots) => {
    const before = known.get(backend);
    if (before?.of === slots) return before;
    const { name, lines, serverOptions: options } = backend;
    const servers = slots.map((slot) => slotLine(slot, options));
    const places = slots.map((slot) => `server ${slot.name} ${options}`);
    const block = {
      of: slots,
      text: writeBackend({ ...backend, servers }),
      servers,
      structure: [name, ...lines, ...places].join("\n"),
      places,
    };
    known.set(backend, block);
    return block;
  };
}

/** A text of another language, with the parts it names filled in. */
function composed(text: () => string, model: () => PartsModel): TemplateFunction {
  return () => fillParts(text(), (name) => writePart(name, model()));
}

/** A map's file; the longest key first, as HAProxy wants those that are asked in order. */
export function mapText(entries: MapEntries): string {
  return [...entries]
    .toSorted(([a], [b]) => b.length - a.length || (a < b ? -1 : 1))
    .map(([key, value]) => `${key} ${value}\n`)
    .join("");
}
