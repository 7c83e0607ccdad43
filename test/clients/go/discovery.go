package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/go-kit/log"
	"github.com/hashicorp/nomad/api"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/nomad"
	"github.com/prometheus/prometheus/discovery/targetgroup"
)

const scraped = `
job "scraped" {
  group "g" {
    network {
      port "metrics" {}
    }
    service {
      name     = "exporter"
      port     = "metrics"
      provider = "nomad"
      tags     = ["prometheus", "v1"]
    }
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["900"]
      }
      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}`

// Prometheus's own discovery finds the targets of a job's service.
func discoveryChecks() []check {
	jobs := client().Jobs()
	return []check{{"prometheus nomad_sd", func() error {
		job, err := jobs.ParseHCL(scraped, true)
		if err != nil {
			return err
		}
		if _, _, err = jobs.Register(job, nil); err != nil {
			return err
		}
		config := nomad.DefaultSDConfig
		config.Server = os.Getenv("NOMAD_ADDR")
		config.RefreshInterval = model.Duration(200 * time.Millisecond)
		discovery, err := nomad.NewDiscovery(&config, log.NewNopLogger())
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		groups := make(chan []*targetgroup.Group)
		go discovery.Run(ctx, groups)
		for {
			select {
			case <-ctx.Done():
				return fmt.Errorf("the service was not found")
			case found := <-groups:
				labels := exporter(found)
				if labels == nil {
					continue
				}
				if err := want(
					labels["__address__"] != "" &&
						labels["__meta_nomad_tags"] == ",prometheus,v1," &&
						labels["__meta_nomad_namespace"] == "default" &&
						labels["__meta_nomad_dc"] == "dc1",
					"found %v", labels,
				); err != nil {
					return err
				}
				_, _, err := jobs.Deregister("scraped", true, &api.WriteOptions{})
				return err
			}
		}
	}}}
}

// exporter is the one target of our service, with the labels of its group.
func exporter(groups []*targetgroup.Group) model.LabelSet {
	for _, group := range groups {
		for _, target := range group.Targets {
			labels := group.Labels.Merge(target)
			if labels["__meta_nomad_service"] == "exporter" {
				return labels
			}
		}
	}
	return nil
}
