layer "hello" {
  user "web" { uid = 1000 }

  file "/www/hello/index.html" {
    content = <<-EOT
      <!doctype html>
      <meta charset="utf-8">
      <title>Hello from Lares</title>
      <h1>Hello from Lares</h1>
      <p>A job, an image built from Debian packages, a service with a health check, and a route from its tag.</p>
    EOT
  }
}
