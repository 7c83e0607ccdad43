package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/nomad/api"
)

func allocChecks() []check {
	c := client()
	var alloc *api.Allocation
	return []check{
		{"allocations list and info", func() error {
			var stubs []*api.AllocationListStub
			// Those that an earlier change stopped may still be about to end.
			err := until("two allocations", func() (bool, error) {
				found, _, err := c.Allocations().List(&api.QueryOptions{Filter: `JobID == "web" and ClientStatus == "running"`})
				stubs = found
				return len(found) == 2, err
			})
			if err != nil {
				return err
			}
			alloc, _, err = c.Allocations().Info(stubs[0].ID, nil)
			if err != nil {
				return err
			}
			ports := alloc.AllocatedResources.Shared.Ports
			return want(len(ports) == 1 && ports[0].Label == "http" && *alloc.Job.ID == "web", "read %+v", alloc)
		}},
		{"allocations in pages", func() error {
			first, meta, err := c.Allocations().List(&api.QueryOptions{PerPage: 1})
			if err != nil || len(first) != 1 || meta.NextToken == "" {
				return fmt.Errorf("%d on the first page, next %q: %v", len(first), meta.NextToken, err)
			}
			second, _, err := c.Allocations().List(&api.QueryOptions{PerPage: 1, NextToken: meta.NextToken})
			if err != nil {
				return err
			}
			return want(len(second) == 1 && second[0].ID != first[0].ID, "the same page again")
		}},
		{"allocations stats", func() error {
			return until("statistics", func() (bool, error) {
				stats, err := c.Allocations().Stats(alloc, nil)
				return err == nil && stats.Tasks["serve"] != nil, err
			})
		}},
		{"allocation files", func() error {
			files, _, err := c.AllocFS().List(alloc, "/", nil)
			if err != nil {
				return err
			}
			stat, _, err := c.AllocFS().Stat(alloc, "alloc/logs/serve.stdout.0", nil)
			if err != nil {
				return err
			}
			reader, err := c.AllocFS().Cat(alloc, "alloc/logs/serve.stdout.0", nil)
			if err != nil {
				return err
			}
			defer reader.Close()
			text, err := io.ReadAll(reader)
			if err != nil {
				return err
			}
			return want(len(files) >= 2 && int64(len(text)) == stat.Size && string(text) == "hello from serve\n", "%q", text)
		}},
		{"allocation logs", func() error {
			cancel := make(chan struct{})
			defer close(cancel)
			frames, errs := c.AllocFS().Logs(alloc, true, "serve", "stdout", "start", 0, cancel, nil)
			select {
			case frame := <-frames:
				return want(strings.HasPrefix(string(frame.Data), "hello"), "%q", frame.Data)
			case err := <-errs:
				return err
			case <-time.After(20 * time.Second):
				return fmt.Errorf("no frame came")
			}
		}},
		{"allocation exec", func() error {
			var out, mistakes bytes.Buffer
			command := []string{"/bin/sh", "-c", "read line; echo $line back; echo wrong >&2; exit 7"}
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			code, err := c.Allocations().Exec(ctx, alloc, "serve", false, command, strings.NewReader("there\n"), &out, &mistakes, nil, nil)
			return want(err == nil && code == 7 && out.String() == "there back\n" && mistakes.String() == "wrong\n",
				"code %d, %q, %q: %v", code, out.String(), mistakes.String(), err)
		}},
		{"allocation signal and restart", func() error {
			if err := c.Allocations().Signal(alloc, nil, "serve", "SIGCONT"); err != nil {
				return err
			}
			if err := c.Allocations().Restart(alloc, "serve", nil); err != nil {
				return err
			}
			return until("a restart", func() (bool, error) {
				now, _, err := c.Allocations().Info(alloc.ID, nil)
				return err == nil && now.TaskStates["serve"].Restarts == 1 && now.TaskStates["serve"].State == "running", err
			})
		}},
		{"allocation stop", func() error {
			if _, err := c.Allocations().Stop(alloc, nil); err != nil {
				return err
			}
			return running(c.Jobs(), "web", 2)
		}},
		{"event stream", func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			topics := map[api.Topic][]string{api.TopicJob: {"web"}, api.TopicAllocation: {"*"}}
			stream, err := c.EventStream().Stream(ctx, topics, 0, nil)
			if err != nil {
				return err
			}
			count := 3
			if _, _, err = c.Jobs().Scale("web", "site", &count, "", false, nil, nil); err != nil {
				return err
			}
			for events := range stream {
				if events.Err != nil {
					return events.Err
				}
				for _, event := range events.Events {
					if event.Topic == api.TopicAllocation {
						found, err := event.Allocation()
						return want(err == nil && found.JobID == "web", "%+v %v", event, err)
					}
				}
			}
			return fmt.Errorf("the stream ended")
		}},
	}
}
