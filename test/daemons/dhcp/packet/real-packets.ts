/** What clients of Debian 12 sent on a wire, from the cookie on, and packets put together after the RFCs' examples. */
const TAILS: Readonly<Record<string, string>> = {
  "udhcpc discover":
    "3501013902024037070103060c0f1c2a3c0c756468637020312e33352e303d070152e9b51bc25cff0000000000000000000000000000000000000000",
  "dhclient discover": "3501010c02766d370d011c02030f06770c2c2f1a792aff000000000000000000",
  "dhcpcd discover":
    "350101370e017903060c0f1a1c2133363a3b77390205c03d13ffb51bc25c0001000132943fd552e9b51bc25c5000910101ff00000000000000000000",
  "ipxe discover":
    "350101390205c05d0200005e030102013c20505845436c69656e743a417263683a30303030303a554e44493a3030323030314d046950584537150103060c0f111a2b3c42438081828384858687afcbaf30b105018086100eeb0301000017010122010113010111010127010119010110010221010115010118010112010126010136010061110000112233445566778899aabbccddeeffff",
  "relayed request": "3501033604c0a8010132040a0002253d0701525400123456520f0104000000010207aabbccddeeff01ff",
};

export const REAL_NAMES: readonly string[] = Object.keys(TAILS);

export function realPacket(name: string): Uint8Array {
  const tail = Buffer.from(TAILS[name] ?? "", "hex");
  const head = Buffer.alloc(240);
  head.set([1, 1, 6, name.startsWith("relayed") ? 1 : 0, 0x6a, 0x1a, 0xb2, 0x0f]);
  if (name.startsWith("relayed")) head.set([10, 0, 2, 1], 24);
  head.set([0x52, 0xe9, 0xb5, 0x1b, 0xc2, 0x5c], 28);
  head.set([0x63, 0x82, 0x53, 0x63], 236);
  return Buffer.concat([head, tail]);
}
