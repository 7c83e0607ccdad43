// Does with Go's standard library what base/language/go-template/functions does: a JSON list of requests on standard
// input, a JSON list of answers on standard output. All texts travel as base64, they may be no UTF-8.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

type request struct {
	Op   string
	Args [][]byte
}

type answer struct {
	Out   []byte `json:"out"`
	Error string `json:"error"`
}

func main() {
	var requests []request
	if err := json.NewDecoder(os.Stdin).Decode(&requests); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	answers := make([]answer, len(requests))
	for i, r := range requests {
		args := make([]string, len(r.Args))
		for k, arg := range r.Args {
			args[k] = string(arg)
		}
		out, err := run(r.Op, args)
		answers[i] = answer{Out: []byte(out)}
		if err != nil {
			answers[i] = answer{Error: err.Error()}
		}
	}
	json.NewEncoder(os.Stdout).Encode(answers)
}

func run(op string, a []string) (string, error) {
	switch op {
	case "format":
		ns, _ := strconv.ParseInt(a[1], 10, 64)
		zone, err := time.LoadLocation(a[2])
		if err != nil {
			return "", err
		}
		return time.Unix(0, ns).In(zone).Format(a[0]), nil
	case "parse":
		zone, err := time.LoadLocation(a[2])
		if err != nil {
			return "", err
		}
		t, err := time.ParseInLocation(a[0], a[1], zone)
		return t.Format("2006-01-02 15:04:05.999999999 -0700"), err
	case "duration":
		d, err := time.ParseDuration(a[0])
		return d.String(), err
	case "json":
		var v interface{}
		if err := json.Unmarshal([]byte(a[0]), &v); err != nil {
			return "", err
		}
		b, err := json.MarshalIndent(v, "", a[1])
		if a[1] == "" && err == nil {
			b, err = json.Marshal(v)
		}
		return string(b), err
	case "replace":
		re, err := regexp.Compile(a[0])
		if err != nil {
			return "", err
		}
		return re.ReplaceAllString(a[1], a[2]), nil
	case "split":
		re, err := regexp.Compile(a[0])
		if err != nil {
			return "", err
		}
		n, _ := strconv.Atoi(a[2])
		return strings.Join(re.Split(a[1], n), "|") + "#" + strings.Join(re.FindAllString(a[1], n), "|"), nil
	case "float":
		f, err := strconv.ParseFloat(a[0], 64)
		return strconv.FormatFloat(f, 'g', -1, 64), err
	case "int":
		base, _ := strconv.Atoi(a[1])
		i, err := strconv.ParseInt(a[0], base, 64)
		return strconv.FormatInt(i, 10), err
	case "base64":
		b, err := base64.StdEncoding.DecodeString(a[0])
		return string(b), err
	case "path":
		return path.Base(a[0]) + "|" + path.Dir(a[0]) + "|" + path.Clean(a[0]) + "|" + path.Ext(a[0]), nil
	case "url":
		u, err := url.Parse(a[0])
		if err != nil {
			return "", err
		}
		return strings.Join([]string{u.Scheme, u.Opaque, u.Host, u.Hostname(), u.Path, u.RawQuery, u.Fragment}, "|"), nil
	}
	return "", fmt.Errorf("unknown operation %q", op)
}
