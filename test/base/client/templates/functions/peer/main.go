// Renders templates with consul-template's own functions: a JSON list of templates on standard input, a list of
// {"output", "error"} on standard output.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/hashicorp/consul-template/config"
	"github.com/hashicorp/consul-template/template"
)

type result struct {
	Output string `json:"output"`
	Error  string `json:"error"`
}

func main() {
	var sources []string
	if err := json.NewDecoder(os.Stdin).Decode(&sources); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	results := make([]result, len(sources))
	for i, source := range sources {
		results[i] = render(source)
	}
	json.NewEncoder(os.Stdout).Encode(results)
}

func render(source string) (r result) {
	defer func() {
		if p := recover(); p != nil {
			r = result{Error: fmt.Sprint("panic: ", p)}
		}
	}()
	t, err := template.NewTemplate(&template.NewTemplateInput{Contents: source})
	if err != nil {
		return result{Error: err.Error()}
	}
	c := config.DefaultConfig()
	c.Finalize()
	executed, err := t.Execute(&template.ExecuteInput{Brain: template.NewBrain(), Env: []string{"NAME=value"}, Config: c})
	if err != nil {
		return result{Error: err.Error()}
	}
	return result{Output: string(executed.Output)}
}
