package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/nomad/api"
	"github.com/hashicorp/nomad/api/contexts"
)

func clusterChecks() []check {
	c := client()
	return append(append([]check{
		{"nodes", func() error {
			nodes, _, err := c.Nodes().List(nil)
			if err != nil || len(nodes) != 1 {
				return fmt.Errorf("%d nodes: %v", len(nodes), err)
			}
			node, _, err := c.Nodes().Info(nodes[0].ID, nil)
			if err != nil {
				return err
			}
			allocs, _, err := c.Nodes().Allocations(node.ID, nil)
			if err != nil {
				return err
			}
			stats, err := c.Nodes().Stats(node.ID, nil)
			if err != nil {
				return err
			}
			return want(node.Drivers["raw_exec"].Healthy && len(allocs) > 0 && stats.Memory.Total > 0, "read %+v", node)
		}},
		{"node eligibility", func() error {
			nodes, _, err := c.Nodes().List(nil)
			if err != nil {
				return err
			}
			if _, err = c.Nodes().ToggleEligibility(nodes[0].ID, false, nil); err != nil {
				return err
			}
			node, _, err := c.Nodes().Info(nodes[0].ID, nil)
			if err != nil || node.SchedulingEligibility != "ineligible" {
				return fmt.Errorf("is %s: %v", node.SchedulingEligibility, err)
			}
			_, err = c.Nodes().ToggleEligibility(nodes[0].ID, true, nil)
			return err
		}},
		{"agent", func() error {
			self, err := c.Agent().Self()
			if err != nil {
				return err
			}
			health, err := c.Agent().Health()
			if err != nil {
				return err
			}
			members, err := c.Agent().Members()
			if err != nil {
				return err
			}
			return want(len(members.Members) == 1 && health.Server.Ok && self.Member.Name != "", "said %+v", self)
		}},
		{"status and regions", func() error {
			leader, err := c.Status().Leader()
			if err != nil {
				return err
			}
			peers, err := c.Status().Peers()
			if err != nil {
				return err
			}
			regions, err := c.Regions().List()
			if err != nil {
				return err
			}
			return want(leader != "" && len(peers) == 1 && len(regions) == 1 && regions[0] == "global", "%v", regions)
		}},
		{"search", func() error {
			found, _, err := c.Search().PrefixSearch("we", contexts.Jobs, nil)
			if err != nil {
				return err
			}
			fuzzy, _, err := c.Search().FuzzySearch("erve", contexts.All, nil)
			if err != nil {
				return err
			}
			return want(len(found.Matches[contexts.Jobs]) == 1 && len(fuzzy.Matches) > 0, "%+v %+v", found, fuzzy)
		}},
	}, stateChecks(c)...), operatorChecks(c)...)
}

func stateChecks(c *api.Client) []check {
	return []check{
		{"namespaces", func() error {
			if _, err := c.Namespaces().Register(&api.Namespace{Name: "shop", Description: "a shop"}, nil); err != nil {
				return err
			}
			found, _, err := c.Namespaces().Info("shop", nil)
			if err != nil || found.Description != "a shop" {
				return fmt.Errorf("read %+v: %v", found, err)
			}
			all, _, err := c.Namespaces().List(nil)
			if err != nil || len(all) != 2 {
				return fmt.Errorf("%d namespaces: %v", len(all), err)
			}
			_, err = c.Namespaces().Delete("shop", nil)
			return err
		}},
		{"node pools", func() error {
			if _, err := c.NodePools().Register(&api.NodePool{Name: "edge", Description: "roof"}, nil); err != nil {
				return err
			}
			nodes, _, err := c.NodePools().ListNodes("all", nil)
			if err != nil || len(nodes) != 1 {
				return fmt.Errorf("%d nodes: %v", len(nodes), err)
			}
			_, err = c.NodePools().Delete("edge", nil)
			return err
		}},
		{"variables", func() error {
			made, _, err := c.Variables().Create(&api.Variable{Path: "web/key", Items: api.VariableItems{"a": "1"}}, nil)
			if err != nil {
				return err
			}
			made.Items["a"] = "2"
			changed, _, err := c.Variables().CheckedUpdate(made, nil)
			if err != nil {
				return err
			}
			if _, _, err = c.Variables().CheckedUpdate(made, nil); err == nil {
				return errors.New("an old index was taken")
			}
			var conflict api.ErrCASConflict
			if !errors.As(err, &conflict) {
				return fmt.Errorf("an old index gave %v", err)
			}
			items, _, err := c.Variables().GetVariableItems("web/key", nil)
			if err != nil || items["a"] != "2" {
				return fmt.Errorf("read %v: %v", items, err)
			}
			list, _, err := c.Variables().PrefixList("web", nil)
			if err != nil || len(list) != 1 || list[0].ModifyIndex != changed.ModifyIndex {
				return fmt.Errorf("listed %v: %v", list, err)
			}
			if _, err = c.Variables().Delete("web/key", nil); err != nil {
				return err
			}
			_, _, err = c.Variables().Read("web/key", nil)
			return want(errors.Is(err, api.ErrVariablePathNotFound), "after deletion: %v", err)
		}},
		{"services", func() error {
			return until("the service", func() (bool, error) {
				services, _, err := c.Services().List(nil)
				if err != nil || len(services) != 1 || services[0].Services[0].ServiceName != "site" {
					return false, err
				}
				found, _, err := c.Services().Get("site", nil)
				return len(found) > 0 && found[0].Tags[0] == "blue" && found[0].Port > 0, err
			})
		}},
		{"scaling policies", func() error {
			policies, _, err := c.Scaling().ListPolicies(nil)
			if err != nil || len(policies) != 1 {
				return fmt.Errorf("%d policies: %v", len(policies), err)
			}
			policy, _, err := c.Scaling().GetPolicy(policies[0].ID, nil)
			if err != nil {
				return err
			}
			return want(*policy.Min == 1 && *policy.Max == 4 && policy.Target["Job"] == "web", "read %+v", policy)
		}},
	}
}

func operatorChecks(c *api.Client) []check {
	return []check{
		{"scheduler configuration", func() error {
			now, _, err := c.Operator().SchedulerGetConfiguration(nil)
			if err != nil {
				return err
			}
			set := now.SchedulerConfig
			set.SchedulerAlgorithm = api.SchedulerAlgorithmSpread
			done, _, err := c.Operator().SchedulerCASConfiguration(set, nil)
			if err != nil || !done.Updated {
				return fmt.Errorf("updated %v: %v", done, err)
			}
			again, _, err := c.Operator().SchedulerCASConfiguration(set, nil)
			return want(err == nil && !again.Updated, "an old index was taken: %v", err)
		}},
		{"raft and autopilot", func() error {
			raft, err := c.Operator().RaftGetConfiguration(nil)
			if err != nil || len(raft.Servers) != 1 || !raft.Servers[0].Leader {
				return fmt.Errorf("%+v: %v", raft, err)
			}
			pilot, _, err := c.Operator().AutopilotGetConfiguration(nil)
			if err != nil {
				return err
			}
			health, _, err := c.Operator().AutopilotServerHealth(nil)
			if err != nil {
				return err
			}
			return want(health.Healthy && pilot.MinQuorum == 0, "%+v", health)
		}},
		{"metrics", func() error {
			metrics, _, err := c.Operator().MetricsSummary(nil)
			if err != nil {
				return err
			}
			return want(len(metrics.Gauges) > 0, "no gauges")
		}},
		{"garbage collection", func() error { return c.System().GarbageCollect() }},
		{"what needs a licence says so", func() error {
			_, _, err := c.Quotas().List(nil)
			return want(err != nil && strings.Contains(err.Error(), "501"), "said %v", err)
		}},
		{"jobs stop", func() error {
			for _, id := range []string{"web", "work", "clock"} {
				if _, _, err := c.Jobs().Deregister(id, true, nil); err != nil {
					return err
				}
			}
			return until("no job is left", func() (bool, error) {
				left, _, err := c.Jobs().List(&api.QueryOptions{Prefix: "web"})
				return len(left) == 0, err
			})
		}},
	}
}
