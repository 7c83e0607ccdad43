package main

import (
	"errors"
	"fmt"

	"github.com/hashicorp/consul/api"
)

func agentChecks(c *api.Client) []check {
	agent := c.Agent()
	return []check{
		{"agent services", func() error { return agentServices(c) }},
		{"agent checks", func() error {
			return first(
				agent.CheckRegister(&api.AgentCheckRegistration{ID: "disk", Name: "disk", AgentServiceCheck: api.AgentServiceCheck{TTL: "1m", Status: "warning"}}),
				status(c, "disk", "warning", ""),
				agent.UpdateTTL("disk", "all well", api.HealthPassing), status(c, "disk", "passing", "all well"),
				agent.WarnTTL("disk", "nearly full"), status(c, "disk", "warning", "nearly full"),
				agent.FailTTL("disk", "full"), status(c, "disk", "critical", "full"),
				agent.PassTTL("disk", "empty"), status(c, "disk", "passing", "empty"),
				agent.CheckDeregister("disk"),
			)
		}},
		{"agent check refusals", func() error {
			if err := agent.PassTTL("none", ""); err == nil {
				return errors.New("a check that is not there was updated")
			}
			if err := agent.CheckRegister(&api.AgentCheckRegistration{Name: "nothing"}); err == nil {
				return errors.New("a check without a way to check was taken")
			}
			return want(agent.ServiceDeregister("none") != nil, "a service that is not there was taken away")
		}},
		{"agent maintenance", func() error {
			if err := agent.EnableNodeMaintenance("new disk"); err != nil {
				return err
			}
			checks, err := agent.Checks()
			if err != nil || checks["_node_maintenance"] == nil || checks["_node_maintenance"].Notes != "new disk" {
				return fmt.Errorf("checks %+v: %v", checks, err)
			}
			return agent.DisableNodeMaintenance()
		}},
		{"agent self", func() error {
			self, err := agent.Self()
			if err != nil {
				return err
			}
			name, err := agent.NodeName()
			if err != nil {
				return err
			}
			members, err := agent.Members(false)
			if err != nil || len(members) != 1 || members[0].Name != name {
				return fmt.Errorf("members %+v: %v", members, err)
			}
			if _, err = agent.Metrics(); err != nil {
				return err
			}
			if _, err = agent.Host(); err != nil {
				return err
			}
			return want(self["Config"]["Datacenter"] == "dc1" && name != "", "said %+v", self["Config"])
		}},
		{"agent reload", agent.Reload},
	}
}

// status is what a check of this agent stands at; it is asked for when first is past what comes before.
func status(c *api.Client, id string, wanted string, output string) error {
	checks, err := c.Agent().Checks()
	if err != nil {
		return err
	}
	found := checks[id]
	return want(found != nil && found.Status == wanted && found.Output == output, "%s is %+v, not %s", id, found, wanted)
}

func agentServices(c *api.Client) error {
	agent := c.Agent()
	err := agent.ServiceRegister(&api.AgentServiceRegistration{
		ID: "web1", Name: "web", Tags: []string{"blue", "v1"}, Port: 8080, Address: "127.0.0.9",
		Meta:            map[string]string{"version": "1"},
		TaggedAddresses: map[string]api.ServiceAddress{"lan": {Address: "127.0.0.9", Port: 8080}},
		Weights:         &api.AgentWeights{Passing: 3, Warning: 2},
		Checks:          api.AgentServiceChecks{{CheckID: "web1-ttl", TTL: "1m"}, {TCP: "127.0.0.1:1", Interval: "1h", Status: "passing"}},
	})
	if err != nil {
		return err
	}
	services, err := agent.Services()
	if err != nil || services["web1"] == nil || services["web1"].Weights.Passing != 3 || services["web1"].Meta["version"] != "1" {
		return fmt.Errorf("services %+v: %v", services, err)
	}
	if some, err := agent.ServicesWithFilter(`"v1" in Tags and Meta.version == 1`); err != nil || len(some) != 1 {
		return fmt.Errorf("filtered %v: %v", some, err)
	}
	one, meta, err := agent.Service("web1", nil)
	if err != nil || one.Port != 8080 || meta.LastContentHash == "" || one.ContentHash != meta.LastContentHash {
		return fmt.Errorf("one %+v %+v: %v", one, meta, err)
	}
	state, info, err := agent.AgentHealthServiceByID("web1")
	if err != nil || state != api.HealthCritical || info.Service.ID != "web1" {
		return fmt.Errorf("is %s %+v: %v", state, info, err)
	}
	if err = agent.PassTTL("web1-ttl", "up"); err != nil {
		return err
	}
	err = until("a check that passes", func() (bool, error) {
		state, all, err := agent.AgentHealthServiceByName("web")
		return state == api.HealthPassing && len(all) == 1, err
	})
	if err != nil {
		return err
	}
	if err = agent.EnableServiceMaintenance("web1", "soon"); err != nil {
		return err
	}
	if state, info, err = agent.AgentHealthServiceByID("web1"); err != nil || info.AggregatedStatus != api.HealthMaint {
		return fmt.Errorf("under maintenance it is %s %+v: %v", state, info, err)
	}
	if err = agent.DisableServiceMaintenance("web1"); err != nil {
		return err
	}
	if state, _, err = agent.AgentHealthServiceByID("none"); err != nil || state != api.HealthCritical {
		return fmt.Errorf("what is not there is %s: %v", state, err)
	}
	_, _, err = agent.Service("none", nil)
	var refused api.StatusError
	return want(errors.As(err, &refused) && refused.Code == 404, "what is not there gave %v", err)
}
