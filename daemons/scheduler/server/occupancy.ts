import { isClientTerminal, type AllocSides } from "./alloc-state.ts";

/**
 * Whether an allocation still takes room on its node. One that was told to stop does until its client says it ended,
 * so that nobody is sent to a port or to memory that is still in use; unless another allocation was made in its place,
 * which waits for it on that node.
 */
export function occupies(known: AllocSides): boolean {
  const { alloc } = known;
  return (
    !isClientTerminal(known) &&
    (alloc.DesiredStatus === "run" || (alloc.NextAllocation === "" && alloc.PreemptedByAllocation === ""))
  );
}
