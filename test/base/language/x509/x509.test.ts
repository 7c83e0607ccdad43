import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import test from "ava";
import fc from "fast-check";
import { makeCertificate, type CertificateRequest } from "#base/language/x509/certificate.ts";
import { der, integer, numberOf, octets, oid, readDer } from "#base/language/x509/der.ts";
import { keyPem, pem, unpem } from "#base/language/x509/keys.ts";

const DAY_MS = 86_400_000;
const fromMs = Date.UTC(2030, 0, 2, 3, 4, 5);
const ec = () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

function request(more: Partial<CertificateRequest>): CertificateRequest {
  return {
    commonName: "name",
    fromMs,
    toMs: fromMs + DAY_MS,
    serial: Uint8Array.of(0xff, 1, 2),
    addresses: [],
    names: [],
    isAuthority: false,
    key: ec(),
    issuer: undefined,
    ...more,
  };
}

test("an authority signs for hosts, with keys of every kind that can", (t) => {
  const keys = [
    ec(),
    generateKeyPairSync("ed25519").privateKey,
    generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
  ];
  for (const key of keys) {
    const root =
      makeCertificate(request({ commonName: "Größe root", isAuthority: true, key, toMs: Date.UTC(2055, 0, 1) })) ?? "";
    const issuer = { certificate: unpem(root) ?? new Uint8Array(), key };
    const hostKey = ec();
    const addresses = [Uint8Array.of(10, 0, 0, 1), new Uint8Array(16).fill(1, 15)];
    const host =
      makeCertificate(request({ commonName: "host", key: hostKey, issuer, addresses, names: ["a.example"] })) ?? "";
    const [above, below] = [new X509Certificate(root), new X509Certificate(host)];
    t.true(above.ca);
    t.false(below.ca);
    t.is(above.subject, "CN=Größe root");
    t.is(above.validTo, "Jan  1 00:00:00 2055 GMT");
    t.is(below.issuer, above.subject);
    t.is(below.validFrom, "Jan  2 03:04:05 2030 GMT");
    t.is(below.subjectAltName, "DNS:a.example, IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1");
    t.is(below.serialNumber, "FF0102");
    t.true(below.checkIssued(above), "the names and the ids of the keys fit");
    t.true(below.verify(above.publicKey));
    t.true(above.verify(above.publicKey));
    t.true(below.checkPrivateKey(hostKey));
    t.deepEqual(below.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  }
});

test("what cannot sign, and an issuer that is none, make no certificate", (t) => {
  const dsa = generateKeyPairSync("dsa", { modulusLength: 1024, divisorLength: 160 }).privateKey;
  t.is(makeCertificate(request({ key: dsa })), undefined);
  t.is(makeCertificate(request({ issuer: { certificate: Uint8Array.of(1, 2, 3), key: ec() } })), undefined);
  t.is(unpem("no PEM"), undefined);
});

test("private keys are written in the form of their kind", (t) => {
  for (const [key, label] of [
    [ec(), "EC PRIVATE KEY"],
    [generateKeyPairSync("ed25519").privateKey, "PRIVATE KEY"],
    [generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey, "RSA PRIVATE KEY"],
  ] as const) {
    t.true(keyPem(key).startsWith(`-----BEGIN ${label}-----\n`));
    t.true(createPrivateKey(keyPem(key)).equals(key));
  }
  const dsa = generateKeyPairSync("dsa", { modulusLength: 1024, divisorLength: 160 }).privateKey;
  const numbers = readDer(readDer(unpem(keyPem(dsa)) ?? new Uint8Array())?.[0]?.content ?? new Uint8Array()) ?? [];
  t.is(numbers.length, 6);
  t.is(numberOf(numbers[0]?.content ?? new Uint8Array()), 0n);
});

test("numbers, ids and long values in DER", (t) => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
  t.is(hex(integer(0n)), "020100");
  t.is(hex(integer(127n)), "02017f");
  t.is(hex(integer(128n)), "02020080");
  t.is(hex(oid("1.2.840.113549.1.1.11")), "06092a864886f70d01010b");
  t.is(hex(octets(new Uint8Array(200))).slice(0, 6), "0481c8");
  t.is(hex(octets(new Uint8Array(300))).slice(0, 8), "0482012c");
});

test("whatever is read is taken apart or refused", (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const values = readDer(bytes);
      if (values !== undefined) t.deepEqual(Buffer.concat(values.map(({ whole }) => whole)), Buffer.from(bytes));
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 400 })), (contents) => {
      const values = readDer(Buffer.concat(contents.map((content) => der(4, content))));
      t.deepEqual(
        values?.map(({ content }) => Buffer.from(content)),
        contents.map((content) => Buffer.from(content)),
      );
    }),
  );
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      (bytes) => Buffer.compare(unpem(pem("X", bytes)) ?? bytes, bytes) === 0,
    ),
  );
});
