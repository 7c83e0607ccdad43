image "redirect" {
  tags   = ["lares-redirect:1"]
  layers = ["debian-base", "lighttpd"]

  config {
    entrypoint = ["/usr/sbin/lighttpd"]
    cmd        = ["-D", "-f", "/local/redirect.conf"]
    labels = {
      "org.opencontainers.image.title" = "lighttpd from Debian"
    }
  }
}
