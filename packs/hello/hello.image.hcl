image "hello" {
  tags   = ["lares-hello:1"]
  layers = ["debian-base", "hello"]

  config {
    entrypoint = ["/usr/sbin/httpd", "-f", "-h", "/www"]
    cmd        = ["-p", "8080"]
    user       = "web"
    ports      = ["8080/tcp"]
  }
}
