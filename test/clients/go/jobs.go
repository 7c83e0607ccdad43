package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/nomad/api"
)

const spec = `
variable "count" { default = 2 }
job "web" {
  meta { owner = "ann" }
  update {
    min_healthy_time  = "0s"
    healthy_deadline  = "30s"
    progress_deadline = "1m"
  }
  group "site" {
    count = var.count
    scaling {
      min = 1
      max = 4
    }
    network {
      port "http" {}
    }
    service {
      name     = "site"
      port     = "http"
      provider = "nomad"
      tags     = ["blue"]
    }
    task "serve" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo hello from $NOMAD_TASK_NAME; exec sleep 900"]
      }
      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}`

const batch = `
job "work" {
  type = "batch"
  parameterized {
    payload       = "optional"
    meta_required = ["colour"]
  }
  group "g" {
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "cat local/input; echo $NOMAD_META_colour"]
      }
      dispatch_payload { file = "input" }
      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}`

const clock = `
job "clock" {
  type = "batch"
  periodic {
    cron             = "0 0 1 1 *"
    prohibit_overlap = true
    time_zone        = "Europe/Berlin"
  }
  group "g" {
    task "t" {
      driver = "raw_exec"
      config { command = "/bin/true" }
      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}`

func client() *api.Client {
	c, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		panic(err)
	}
	return c
}

// until asks again until it holds, for half a minute at most.
func until(what string, holds func() (bool, error)) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		ok, err := holds()
		if ok && err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s did not come about (last error: %v)", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func running(jobs *api.Jobs, id string, count int) error {
	return until(fmt.Sprintf("%d running allocations of %s", count, id), func() (bool, error) {
		allocs, _, err := jobs.Allocations(id, false, nil)
		live := 0
		for _, alloc := range allocs {
			if alloc.ClientStatus == "running" && alloc.DesiredStatus == "run" {
				live++
			}
		}
		return live == count, err
	})
}

func deployed(jobs *api.Jobs, id string) error {
	return until("a successful deployment", func() (bool, error) {
		latest, _, err := jobs.LatestDeployment(id, nil)
		return err == nil && latest != nil && latest.Status == "successful", err
	})
}

func jobChecks() []check {
	jobs := client().Jobs()
	var job *api.Job
	parse := func(text string) (*api.Job, error) { return jobs.ParseHCL(text, true) }
	return []check{
		{"jobs parse", func() (err error) {
			if job, err = parse(spec); err != nil {
				return err
			}
			return want(*job.TaskGroups[0].Count == 2 && *job.Priority == 50, "parsed as %+v", job)
		}},
		{"jobs parse refuses", func() error {
			_, err := parse(`job "x" { grup "y" {} }`)
			return want(err != nil && strings.Contains(err.Error(), "grup"), "said %v", err)
		}},
		{"jobs validate", func() error {
			answer, _, err := jobs.Validate(job, nil)
			if err != nil {
				return err
			}
			return want(answer.DriverConfigValidated && answer.Error == "", "said %+v", answer)
		}},
		{"jobs plan", func() error {
			answer, _, err := jobs.Plan(job, true, nil)
			if err != nil {
				return err
			}
			place := answer.Annotations.DesiredTGUpdates["site"].Place
			return want(answer.Diff.Type == "Added" && place == 2, "diff %s, %d to place", answer.Diff.Type, place)
		}},
		{"jobs register", func() error {
			answer, meta, err := jobs.EnforceRegister(job, 0, nil)
			if err != nil {
				return err
			}
			return want(answer.EvalID != "" && meta.LastIndex > 0, "answered %+v", answer)
		}},
		{"jobs register refuses a wrong index", func() error {
			_, _, err := jobs.EnforceRegister(job, 0, nil)
			return want(err != nil && strings.Contains(err.Error(), api.RegisterEnforceIndexErrPrefix), "said %v", err)
		}},
		{"jobs run", func() error {
			if err := running(jobs, "web", 2); err != nil {
				return err
			}
			// A job cannot be scaled before its deployment has ended.
			return deployed(jobs, "web")
		}},
		{"jobs info", func() error {
			found, meta, err := jobs.Info("web", nil)
			if err != nil {
				return err
			}
			return want(*found.ID == "web" && found.Meta["owner"] == "ann" && meta.KnownLeader, "read %+v", found)
		}},
		{"jobs info of none", func() error {
			_, _, err := jobs.Info("none", nil)
			var response api.UnexpectedResponseError
			return want(errors.As(err, &response) && response.StatusCode() == 404, "said %v", err)
		}},
		{"jobs list", func() error {
			found, _, err := jobs.List(&api.QueryOptions{Prefix: "w", Filter: `Type == "service"`})
			if err != nil {
				return err
			}
			return want(len(found) == 1 && found[0].JobSummary.Summary["site"].Running == 2, "listed %d", len(found))
		}},
		{"jobs summary", func() error {
			summary, _, err := jobs.Summary("web", nil)
			if err != nil {
				return err
			}
			return want(summary.Summary["site"].Running == 2, "counted %+v", summary.Summary)
		}},
		{"jobs blocking query", func() error {
			_, meta, err := jobs.Info("web", nil)
			if err != nil {
				return err
			}
			woken := make(chan uint64, 1)
			go func() {
				_, later, _ := jobs.Info("web", &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: 20 * time.Second})
				woken <- later.LastIndex
			}()
			count := 3
			if _, _, err := jobs.Scale("web", "site", &count, "more", false, nil, nil); err != nil {
				return err
			}
			index := <-woken
			return want(index > meta.LastIndex, "index %d after %d", index, meta.LastIndex)
		}},
		{"jobs scale status", func() error {
			if err := running(jobs, "web", 3); err != nil {
				return err
			}
			if err := deployed(jobs, "web"); err != nil {
				return err
			}
			status, _, err := jobs.ScaleStatus("web", nil)
			if err != nil {
				return err
			}
			group := status.TaskGroups["site"]
			return want(group.Desired == 3 && len(group.Events) == 1 && group.Events[0].Message == "more", "said %+v", group)
		}},
		{"jobs scale above its maximum", func() error {
			count := 9
			_, _, err := jobs.Scale("web", "site", &count, "too many", false, nil, nil)
			return want(err != nil, "was taken")
		}},
		{"jobs versions and revert", func() error {
			versions, diffs, _, err := jobs.Versions("web", true, nil)
			if err != nil {
				return err
			}
			if len(versions) != 2 || len(diffs) != 1 {
				return fmt.Errorf("%d versions, %d diffs", len(versions), len(diffs))
			}
			if _, _, err = jobs.Revert("web", 0, nil, nil, "", ""); err != nil {
				return err
			}
			return running(jobs, "web", 2)
		}},
		{"jobs deployments", func() error { return deployed(jobs, "web") }},
		{"jobs evaluations", func() error {
			evals, _, err := jobs.Evaluations("web", nil)
			if err != nil {
				return err
			}
			full, _, err := client().Evaluations().Info(evals[0].ID, nil)
			if err != nil {
				return err
			}
			return want(len(evals) >= 3 && full.JobID == "web", "%d evaluations", len(evals))
		}},
		{"jobs dispatch", func() error {
			work, err := parse(batch)
			if err != nil {
				return err
			}
			if _, _, err = jobs.Register(work, nil); err != nil {
				return err
			}
			if _, _, err = jobs.Dispatch("work", nil, nil, "", nil); err == nil {
				return errors.New("was dispatched without its meta")
			}
			answer, _, err := jobs.Dispatch("work", map[string]string{"colour": "red"}, []byte("payload"), "", nil)
			if err != nil {
				return err
			}
			return until("the dispatched job is complete", func() (bool, error) {
				allocs, _, err := jobs.Allocations(answer.DispatchedJobID, false, nil)
				return len(allocs) == 1 && allocs[0].ClientStatus == "complete", err
			})
		}},
		{"jobs periodic force", func() error {
			periodic, err := parse(clock)
			if err != nil {
				return err
			}
			if _, _, err = jobs.Register(periodic, nil); err != nil {
				return err
			}
			eval, _, err := jobs.PeriodicForce("clock", nil)
			if err != nil {
				return err
			}
			return want(eval != "", "no evaluation")
		}},
	}
}
