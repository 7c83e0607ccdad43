import type { Output } from "../command/command.ts";

/** A key below the command's own: `<node>/ack`, `<node>/out/<chunk>` or `<node>/exit`. `value` is base64. */
export interface ExecKey {
  readonly key: string;
  readonly value: string | null;
}

interface NodeState {
  chunk: number;
  /** The beginning of a line whose end is not here yet. */
  rest: string;
  readonly decoder: TextDecoder;
  code: number | undefined;
}

/** What each node said so far, printed line by line. */
export class ExecProgress {
  readonly #nodes = new Map<string, NodeState>();
  readonly #output: Output;
  readonly #verbose: boolean;

  constructor(output: Output, verbose: boolean) {
    this.#output = output;
    this.#verbose = verbose;
  }

  get acknowledged(): number {
    return this.#nodes.size;
  }

  get finished(): number {
    return this.#ended().length;
  }

  get failed(): number {
    return this.#ended().filter(({ code }) => code !== 0).length;
  }

  /** All keys there are, in order; what was seen before is not printed again. True when something is new. */
  take(keys: readonly ExecKey[]): boolean {
    // `ack` comes before `exit` and `exit` before `out` by name; a node is over once all it printed is here.
    const ends = keys.filter(({ key }) => key.endsWith("/exit"));
    const others = keys.filter(({ key }) => !key.endsWith("/exit"));
    return [...others, ...ends].map((each) => this.#takeOne(each)).includes(true);
  }

  #takeOne({ key, value }: ExecKey): boolean {
    const [name = "", kind, chunk = ""] = key.split("/");
    if (kind !== "ack" && kind !== "out" && kind !== "exit") return false;
    const bytes = Buffer.from(value ?? "", "base64");
    const isNew = !this.#nodes.has(name);
    const node = this.#nodes.get(name) ?? { chunk: 0, rest: "", decoder: new TextDecoder(), code: undefined };
    this.#nodes.set(name, node);
    if (isNew && this.#verbose) this.#output.error(`==> ${name}: acknowledged`);
    if (kind === "out" && Number.parseInt(chunk, 16) === node.chunk) {
      node.chunk += 1;
      this.#print(name, node, node.decoder.decode(bytes, { stream: true }));
      return true;
    }
    if (kind === "exit" && node.code === undefined) {
      node.code = Number(bytes.toString()) || 0;
      if (node.rest !== "") this.#print(name, node, "\n");
      this.#output.error(`==> ${name}: finished with exit code ${node.code}`);
      return true;
    }
    return isNew;
  }

  #print(name: string, node: NodeState, text: string): void {
    const lines = `${node.rest}${text}`.split("\n");
    node.rest = lines.pop() ?? "";
    for (const line of lines) this.#output.line(`    ${name}: ${line}`);
  }

  #ended(): NodeState[] {
    return [...this.#nodes.values()].filter(({ code }) => code !== undefined);
  }
}
