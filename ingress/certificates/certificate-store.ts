import type { TemplateData } from "#base/client/templates/template.ts";

/** HAProxy's list of certificates (`crt-list`), below the configuration's folder. */
export const CERTIFICATE_LIST = "certs/list";

/** Where the certificates of HTTPS come from. */
export interface CertificateStore {
  /** Files below the configuration's folder: each certificate with its chain and key, and {@link CERTIFICATE_LIST}; none while there is no certificate. */
  files(data: TemplateData): ReadonlyMap<string, string>;
}
