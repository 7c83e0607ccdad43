import type { PackageFile } from "../../oci/packages.ts";
import { guidOf } from "./gpt.ts";

/** What is in an image, as SPDX 2.3 (https://spdx.github.io/spdx-spec/v2.3/). */
export function writeSpdx(name: string, packages: readonly PackageFile[], created: string): string {
  const listed = packages.map((file) => ({
    SPDXID: `SPDXRef-${file.name.replaceAll(/[^A-Za-z0-9.-]/g, "-")}`,
    name: file.name,
    versionInfo: file.version,
    supplier: "Organization: Debian",
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    checksums: [{ algorithm: "SHA256", checksumValue: file.sha256 ?? "" }],
    externalRefs: [
      {
        referenceCategory: "PACKAGE-MANAGER",
        referenceType: "purl",
        referenceLocator: `pkg:deb/debian/${file.name}@${encodeURIComponent(file.version)}`,
      },
    ],
  }));
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name,
    documentNamespace: `urn:uuid:${guidOf(`${name}/${JSON.stringify(listed)}`)}`,
    creationInfo: { created, creators: ["Tool: lares-os-build"] },
    packages: listed,
    relationships: listed.map((each) => ({
      spdxElementId: "SPDXRef-DOCUMENT",
      relationshipType: "DESCRIBES",
      relatedSpdxElement: each.SPDXID,
    })),
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
