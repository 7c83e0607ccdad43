/**
 * FNV-1a of a name's text, never 0: https://datatracker.ietf.org/doc/html/draft-eastlake-fnv. Signed: the engine keeps such numbers
 * in the objects that have them, and every larger one in an object of its own.
 */
export function textHash(text: string): number {
  let hash = 0x81_1c_9d_c5 | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01_00_01_93);
  return hash || 1;
}
