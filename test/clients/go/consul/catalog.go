package main

import (
	"fmt"

	"github.com/hashicorp/consul/api"
)

func catalogChecks(c *api.Client) []check {
	catalog := c.Catalog()
	return []check{
		{"catalog of agent services", func() error {
			return until("the service", func() (bool, error) {
				found, _, err := catalog.Service("web", "blue", nil)
				return len(found) == 1 && found[0].ServicePort == 8080 && found[0].ServiceAddress == "127.0.0.9" &&
					found[0].ServiceWeights.Passing == 3 && found[0].ServiceTaggedAddresses["lan"].Port == 8080, err
			})
		}},
		{"catalog registration", func() error { return register(catalog) }},
		{"catalog lists", func() error {
			nodes, meta, err := catalog.Nodes(&api.QueryOptions{NodeMeta: map[string]string{"rack": "r1"}})
			if err != nil || len(nodes) != 1 || nodes[0].Node != "outside" || meta.LastIndex == 0 {
				return fmt.Errorf("nodes %+v: %v", nodes, err)
			}
			services, _, err := catalog.Services(&api.QueryOptions{Filter: `ServiceName == "db"`})
			if err != nil || len(services) != 1 || len(services["db"]) != 1 {
				return fmt.Errorf("services %v: %v", services, err)
			}
			datacenters, err := catalog.Datacenters()
			if err != nil || len(datacenters) != 1 || datacenters[0] != "dc1" {
				return fmt.Errorf("datacenters %v: %v", datacenters, err)
			}
			node, _, err := catalog.Node("outside", nil)
			if err != nil || node.Services["db1"].Port != 5432 {
				return fmt.Errorf("node %+v: %v", node, err)
			}
			list, _, err := catalog.NodeServiceList("outside", nil)
			if err != nil || len(list.Services) != 1 {
				return fmt.Errorf("its services %+v: %v", list, err)
			}
			none, _, err := catalog.Node("none", nil)
			return want(none == nil && err == nil, "a node that is not there: %+v: %v", none, err)
		}},
		{"health", func() error { return health(c) }},
		{"catalog deregistration", func() error {
			for _, what := range []*api.CatalogDeregistration{
				{Node: "outside", ServiceID: "db1"}, {Node: "outside"},
			} {
				if _, err := catalog.Deregister(what, nil); err != nil {
					return err
				}
			}
			left, _, err := catalog.Service("db", "", nil)
			return want(len(left) == 0 && err == nil, "left %v: %v", left, err)
		}},
		{"another datacenter", func() error {
			_, _, err := catalog.Nodes(&api.QueryOptions{Datacenter: "elsewhere"})
			return want(err != nil && api.IsRetryableError(err), "said %v", err)
		}},
	}
}

func register(catalog *api.Catalog) error {
	_, err := catalog.Register(&api.CatalogRegistration{
		Node: "outside", Address: "192.0.2.1", NodeMeta: map[string]string{"rack": "r1"},
		TaggedAddresses: map[string]string{"wan": "198.51.100.1"},
		Service:         &api.AgentService{ID: "db1", Service: "db", Port: 5432, Tags: []string{"primary"}},
		Checks: api.HealthChecks{
			{Node: "outside", CheckID: "alive", Name: "alive", Status: api.HealthPassing},
			{Node: "outside", CheckID: "db1", Name: "db", Status: api.HealthWarning, ServiceID: "db1", Output: "slow"},
		},
	}, nil)
	if err != nil {
		return err
	}
	found, _, err := catalog.ServiceMultipleTags("db", []string{"primary"}, nil)
	return want(err == nil && len(found) == 1 && found[0].Address == "192.0.2.1", "found %+v: %v", found, err)
}

func health(c *api.Client) error {
	all, _, err := c.Health().Service("db", "", false, &api.QueryOptions{Near: "_agent"})
	if err != nil || len(all) != 1 || len(all[0].Checks) != 2 || all[0].Checks.AggregatedStatus() != api.HealthWarning {
		return fmt.Errorf("%+v: %v", all, err)
	}
	if good, _, err := c.Health().Service("db", "", true, nil); err != nil || len(good) != 0 {
		return fmt.Errorf("passing: %+v: %v", good, err)
	}
	checks, _, err := c.Health().Checks("db", nil)
	if err != nil || len(checks) != 1 || checks[0].Output != "slow" || checks[0].ServiceName != "db" {
		return fmt.Errorf("checks %+v: %v", checks, err)
	}
	if of, _, err := c.Health().Node("outside", nil); err != nil || len(of) != 2 {
		return fmt.Errorf("of the node: %+v: %v", of, err)
	}
	warning, _, err := c.Health().State(api.HealthWarning, nil)
	if err != nil || len(warning) != 1 || warning[0].CheckID != "db1" {
		return fmt.Errorf("warning: %+v: %v", warning, err)
	}
	any, _, err := c.Health().State(api.HealthAny, &api.QueryOptions{Filter: `Node == "outside"`})
	return want(err == nil && len(any) == 2, "any: %+v: %v", any, err)
}
