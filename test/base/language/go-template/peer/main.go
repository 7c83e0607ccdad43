// Renders templates with Go's own text/template: one JSON case a line in, one JSON answer a line out.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"text/template"
	"time"
)

type source struct{ Name, Text string }

type request struct {
	Name, Text, Left, Right, MissingKey string
	Associated                          []source
	Data                                json.RawMessage
	// Render so often and answer the fastest time in ms.
	Repeat int
}

type answer struct {
	Output  []byte  `json:"output"`
	Error   string  `json:"error"`
	Version string  `json:"version"`
	Ms      float64 `json:"ms"`
}

type Tags []string

func (t Tags) Contains(wanted string) bool {
	for _, tag := range t {
		if tag == wanted {
			return true
		}
	}
	return false
}

type Node struct {
	Node, Address string
}

func (n *Node) Where() string { return n.Node + "@" + n.Address }

type Service struct {
	Name string
	Port int
	Tags Tags
	Meta map[string]string
	Node *Node
	Any  interface{}
}

func (s *Service) URL(scheme string) string { return scheme + "://" + s.Name + ":" + strconv.Itoa(s.Port) }
func (s *Service) Fail() (string, error)    { return "", errors.New("service failed") }

type Level int

func (l Level) String() string { return "level-" + strconv.Itoa(int(l)) }

var functions = template.FuncMap{
	"add":   func(a, b int) int { return a + b },
	"upper": strings.ToUpper,
	"join":  func(separator string, list []string) string { return strings.Join(list, separator) },
	"fail":  func(message string) (string, error) { return "", errors.New(message) },
	"sum": func(numbers ...int) int {
		total := 0
		for _, number := range numbers {
			total += number
		}
		return total
	},
	"same":  func(value interface{}) interface{} { return value },
	"half":  func(number float64) float64 { return number / 2 },
	"octet": func(number uint8) uint8 { return number },
	"wide":  func(number int64) int64 { return number },
	"neg":   func(flag bool) bool { return !flag },
	"count": func(values map[string]interface{}) int { return len(values) },
	"first": func(values []interface{}) interface{} { return values[0] },
}

func fatal(err error) {
	if err != nil {
		panic(err)
	}
}

func decode(raw json.RawMessage) interface{} {
	var plain interface{}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	fatal(decoder.Decode(&plain))
	return value(plain)
}

func list(items []interface{}) []interface{} {
	out := make([]interface{}, 0, len(items))
	for _, item := range items {
		out = append(out, value(item))
	}
	return out[:len(out):len(out)]
}

func texts(items interface{}) []string {
	out := []string{}
	for _, item := range items.([]interface{}) {
		out = append(out, item.(string))
	}
	return out[:len(out):len(out)]
}

// value turns {"kind": payload} into a value of that kind.
func value(plain interface{}) interface{} {
	tagged, ok := plain.(map[string]interface{})
	if !ok {
		return plain
	}
	for kind, payload := range tagged {
		switch kind {
		case "list":
			return list(payload.([]interface{}))
		case "map":
			out := map[string]interface{}{}
			for key, item := range payload.(map[string]interface{}) {
				out[key] = value(item)
			}
			return out
		case "strings":
			return texts(payload)
		case "tags":
			return Tags(texts(payload))
		case "texts":
			out := map[string]string{}
			for key, item := range payload.(map[string]interface{}) {
				out[key] = item.(string)
			}
			return out
		case "names":
			out := map[int]string{}
			for key, item := range payload.(map[string]interface{}) {
				number, err := strconv.Atoi(key)
				fatal(err)
				out[number] = item.(string)
			}
			return out
		case "bytes":
			return []byte(payload.(string))
		case "node":
			node := texts(payload)
			return &Node{node[0], node[1]}
		case "service":
			fields := payload.(map[string]interface{})
			service := &Service{Name: fields["Name"].(string), Any: value(fields["Any"])}
			service.Port, _ = value(fields["Port"]).(int)
			service.Tags, _ = value(fields["Tags"]).(Tags)
			service.Meta, _ = value(fields["Meta"]).(map[string]string)
			service.Node, _ = value(fields["Node"]).(*Node)
			return service
		case "function":
			return functions[payload.(string)]
		default:
			return number(kind, payload.(string))
		}
	}
	return nil
}

func number(kind, text string) interface{} {
	if strings.HasPrefix(kind, "float") {
		float, err := strconv.ParseFloat(text, 64)
		fatal(err)
		if kind == "float32" {
			return float32(float)
		}
		return float
	}
	if strings.HasPrefix(kind, "uint") {
		whole, err := strconv.ParseUint(text, 10, 64)
		fatal(err)
		switch kind {
		case "uint8":
			return uint8(whole)
		case "uint64":
			return whole
		}
		return uint(whole)
	}
	whole, err := strconv.ParseInt(text, 10, 64)
	fatal(err)
	switch kind {
	case "int64":
		return whole
	case "int8":
		return int8(whole)
	case "duration":
		return time.Duration(whole)
	case "level":
		return Level(whole)
	}
	return int(whole)
}

func parse(asked request) (*template.Template, error) {
	missing := asked.MissingKey
	if missing == "" {
		missing = "default"
	}
	root := template.New(asked.Name).Delims(asked.Left, asked.Right).Funcs(functions).Option("missingkey=" + missing)
	for _, each := range asked.Associated {
		if _, err := root.New(each.Name).Parse(each.Text); err != nil {
			return nil, err
		}
	}
	return root.Parse(asked.Text)
}

func render(asked request, data interface{}) (out []byte, err error) {
	parsed, err := parse(asked)
	if err != nil {
		return nil, err
	}
	var buffer bytes.Buffer
	err = parsed.Execute(&buffer, data)
	return buffer.Bytes(), err
}

func main() {
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	output := bufio.NewWriter(os.Stdout)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			break
		}
		var asked request
		fatal(json.Unmarshal(line, &asked))
		data := decode(asked.Data)
		result := answer{Version: runtime.Version()}
		for turn := 0; turn <= asked.Repeat; turn++ {
			start := time.Now()
			out, failed := render(asked, data)
			ms := float64(time.Since(start).Microseconds()) / 1000
			if turn == 0 || ms < result.Ms {
				result.Ms = ms
			}
			result.Output = out
			if failed != nil {
				result.Error, result.Output = failed.Error(), nil
			}
		}
		answered, err := json.Marshal(result)
		fatal(err)
		output.Write(append(answered, '\n'))
		fatal(output.Flush())
	}
}
