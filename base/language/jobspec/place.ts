import type { Block, Body } from "#base/language/hcl/ast.ts";
import type { Span } from "#base/language/hcl/source.ts";

/**
 * Where a finding's path (`group "web"`, `task "nginx"`, `template`) leads in the file: the head of the innermost block that is
 * there. Blocks that the file does not spell out (made by `dynamic`, or a group that a lone task stands for) are passed over.
 */
export function placeOf(path: readonly string[], file: Body): Span {
  const job = blocksOf(file).find((block) => block.type === "job");
  if (job === undefined) return { start: 0, end: 0 };
  let at = job;
  for (const step of path) {
    const [, type = "", label] = /^(\w+)(?: (".*"))?$/s.exec(step) ?? [];
    const found = blocksOf(at.body).filter((block) => block.type === type);
    const named = label === undefined ? found : found.filter((block) => namesOf(block).includes(label));
    // Several without a name cannot be told apart: their parent is shown.
    const [only] = named;
    if (only !== undefined && named.length === 1) at = only;
  }
  return { start: at.start, end: at.body.start };
}

function blocksOf(body: Body): readonly Block[] {
  return body.items.flatMap((item) => (item.kind === "block" ? [item] : []));
}

/** Its label, or what its attribute `name` says, as a message quotes it. */
function namesOf(block: Block): readonly string[] {
  const labels = block.labels.map((label) => JSON.stringify(label.value));
  for (const item of block.body.items) {
    if (item.kind === "attribute" && item.name === "name" && item.value.kind === "literal")
      labels.push(JSON.stringify(item.value.value));
  }
  return labels;
}
