package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/consul/api/watch"
	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/consul"
	"github.com/prometheus/prometheus/discovery/targetgroup"
)

// watchChecks: what has happened is told at once, and what happens then again.
func watchChecks(c *api.Client) []check {
	kv := c.KV()
	put := func(key string) func() error {
		return func() error {
			_, err := kv.Put(&api.KVPair{Key: key, Value: []byte("1")}, nil)
			return err
		}
	}
	ttl := func(status string) func() error {
		return func() error { return c.Agent().UpdateTTL("web1-ttl", status, status) }
	}
	return []check{
		{"watch key", watched(map[string]interface{}{"type": "key", "key": "watch/k"}, put("watch/k"))},
		{"watch keyprefix", watched(map[string]interface{}{"type": "keyprefix", "prefix": "watch/p"}, put("watch/p/1"))},
		{"watch services", watched(map[string]interface{}{"type": "services"}, func() error {
			return c.Agent().ServiceRegister(&api.AgentServiceRegistration{Name: "watched"})
		})},
		{"watch nodes", watched(map[string]interface{}{"type": "nodes"}, func() error {
			_, err := c.Catalog().Register(&api.CatalogRegistration{Node: "watched", Address: "192.0.2.3"}, nil)
			return err
		})},
		{"watch service", watched(map[string]interface{}{"type": "service", "service": "web", "passingonly": true}, ttl("critical"))},
		{"watch checks", watched(map[string]interface{}{"type": "checks", "service": "web"}, ttl("passing"))},
		{"watch event", watched(map[string]interface{}{"type": "event", "name": "restart"}, func() error {
			_, _, err := c.Event().Fire(&api.UserEvent{Name: "restart"}, nil)
			return err
		})},
		{"watch agent_service", watched(map[string]interface{}{"type": "agent_service", "service_id": "web1"}, func() error {
			return c.Agent().ServiceRegister(&api.AgentServiceRegistration{ID: "web1", Name: "web", Port: 9090})
		})},
	}
}

func watched(params map[string]interface{}, change func() error) func() error {
	return func() error {
		plan, err := watch.Parse(params)
		if err != nil {
			return err
		}
		told := make(chan interface{}, 100)
		plan.Handler = func(_ uint64, value interface{}) { told <- value }
		// The first answer is told of only where there is something to tell.
		seen := make(chan struct{})
		watcher := plan.Watcher
		var once bool
		plan.Watcher = func(p *watch.Plan) (watch.BlockingParamVal, interface{}, error) {
			at, value, err := watcher(p)
			if !once {
				once = true
				close(seen)
			}
			return at, value, err
		}
		ended := make(chan error, 1)
		quiet := hclog.NewNullLogger()
		go func() { ended <- plan.RunWithClientAndHclog(client(), quiet) }()
		defer func() {
			plan.Stop()
			<-ended
		}()
		<-seen
		for len(told) > 0 {
			<-told
		}
		if err := change(); err != nil {
			return err
		}
		select {
		case <-told:
			return nil
		case <-time.After(30 * time.Second):
			return fmt.Errorf("%v was not told of the change", params)
		}
	}
}

// Prometheus's own discovery finds the instances of a service.
func prometheusChecks(c *api.Client) []check {
	return []check{{"prometheus consul_sd", func() error {
		config := consul.DefaultSDConfig
		config.Server = strings.TrimPrefix(os.Getenv("CONSUL_HTTP_ADDR"), "http://")
		config.RefreshInterval = model.Duration(200 * time.Millisecond)
		discovery, err := consul.NewDiscovery(&config, log.NewNopLogger())
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		groups := make(chan []*targetgroup.Group)
		go discovery.Run(ctx, groups)
		if err = c.Agent().ServiceRegister(&api.AgentServiceRegistration{
			Name: "exporter", Address: "127.0.0.5", Port: 9100, Tags: []string{"a", "b"}, Meta: map[string]string{"path": "metrics"},
		}); err != nil {
			return err
		}
		for {
			select {
			case <-ctx.Done():
				return fmt.Errorf("the service was not found")
			case found := <-groups:
				for _, group := range found {
					for _, target := range group.Targets {
						labels := group.Labels.Merge(target)
						if labels["__meta_consul_service"] == "exporter" {
							return want(
								labels["__address__"] == "127.0.0.5:9100" && labels["__meta_consul_tags"] == ",a,b," &&
									labels["__meta_consul_dc"] == "dc1" && labels["__meta_consul_service_metadata_path"] == "metrics" &&
									labels["__meta_consul_health"] == "passing",
								"found %v", labels)
						}
					}
				}
			}
		}
	}}}
}
