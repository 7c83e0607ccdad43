/** The option table of the `dhcp` package, as far as it is read here; the package brings no types. */
declare module "dhcp/lib/options.js" {
  interface PackageOption {
    readonly name: string;
    readonly type?: string;
    readonly config?: string;
    readonly attr?: string;
  }
  const table: { readonly opts: Readonly<Record<string, PackageOption>> };
  export default table;
}
