# Without virtual machines nothing here is linked to it.
role "lean" {
  without = ["libfuse3-4"]
}
