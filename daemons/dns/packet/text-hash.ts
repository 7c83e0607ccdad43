/** FNV-1a of a name's text, 32 bits, never 0: https://datatracker.ietf.org/doc/html/draft-eastlake-fnv */
export function textHash(text: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01_00_01_93);
  return hash >>> 0 || 1;
}
