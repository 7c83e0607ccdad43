// A member of a gossip cluster that HashiCorp's memberlist runs, driven by lines on its standard input.
package main

import (
	"bufio"
	"bytes"
	"compress/lzw"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

var (
	out   = bufio.NewWriter(os.Stdout)
	outMu sync.Mutex
)

func say(kind string, fields map[string]interface{}) {
	fields["kind"] = kind
	line, err := json.Marshal(fields)
	if err != nil {
		log.Fatal(err)
	}
	outMu.Lock()
	defer outMu.Unlock()
	fmt.Fprintln(out, string(line))
	out.Flush()
}

func main() {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "lzw":
		runLzw()
	case len(os.Args) > 1 && os.Args[1] == "bench":
		runBench()
	default:
		runPeer()
	}
}

// Lines "pack HEX" and "unpack HEX", answered with HEX or "error".
func runLzw() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		data, err := hex.DecodeString(rest)
		if err != nil {
			log.Fatal(err)
		}
		var made []byte
		if word == "pack" {
			var buf bytes.Buffer
			w := lzw.NewWriter(&buf, lzw.LSB, 8)
			w.Write(data)
			w.Close()
			made = buf.Bytes()
		} else {
			made, err = io.ReadAll(lzw.NewReader(bytes.NewReader(data), lzw.LSB, 8))
		}
		if err != nil {
			fmt.Fprintln(out, "error")
		} else {
			fmt.Fprintln(out, hex.EncodeToString(made))
		}
	}
	out.Flush()
}

func runPeer() {
	name := flag.String("name", "", "")
	bind := flag.String("bind", "127.0.0.1", "")
	label := flag.String("label", "", "")
	key := flag.String("key", "", "base64")
	meta := flag.String("meta", "", "")
	compress := flag.Bool("compress", false, "")
	tap := flag.Bool("tap", false, "print what is sent")
	flag.Parse()

	conf := memberlist.DefaultLANConfig()
	conf.Name = *name
	conf.BindAddr = *bind
	conf.BindPort = 0
	conf.Label = *label
	conf.EnableCompression = *compress
	conf.LogOutput = io.Discard
	conf.ProbeInterval = 400 * time.Millisecond
	conf.ProbeTimeout = 200 * time.Millisecond
	conf.GossipInterval = 50 * time.Millisecond
	conf.PushPullInterval = 2 * time.Second
	conf.SuspicionMult = 8
	conf.TCPTimeout = 5 * time.Second
	conf.DelegateProtocolMin, conf.DelegateProtocolMax, conf.DelegateProtocolVersion = 2, 5, 4
	if *key != "" {
		raw, err := base64.StdEncoding.DecodeString(*key)
		if err != nil {
			log.Fatal(err)
		}
		conf.Keyring, err = memberlist.NewKeyring(nil, raw)
		if err != nil {
			log.Fatal(err)
		}
	}
	transport, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
		BindAddrs: []string{*bind}, BindPort: 0, Logger: log.New(io.Discard, "", 0),
	})
	if err != nil {
		log.Fatal(err)
	}
	conf.AdvertisePort = transport.GetAutoBindPort()
	conf.BindPort = conf.AdvertisePort
	if *tap {
		conf.Transport = &tapTransport{NetTransport: transport}
	} else {
		conf.Transport = transport
	}
	d := &delegate{meta: []byte(*meta), name: *name}
	d.queue = &memberlist.TransmitLimitedQueue{RetransmitMult: 4, NumNodes: func() int { return 4 }}
	conf.Delegate, conf.Events, conf.Ping, conf.Conflict = d, d, d, d
	list, err := memberlist.Create(conf)
	if err != nil {
		log.Fatal(err)
	}
	say("ready", map[string]interface{}{"port": conf.AdvertisePort})
	serve(list, conf, d)
}

func serve(list *memberlist.Memberlist, conf *memberlist.Config, d *delegate) {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		words := strings.Split(lines.Text(), " ")
		err := obey(list, conf, d, words)
		answer := map[string]interface{}{"command": words[0]}
		if err != nil {
			answer["error"] = err.Error()
		}
		if words[0] == "members" {
			members := map[string]string{}
			for _, node := range list.Members() {
				members[node.Name] = string(node.Meta)
			}
			answer["members"] = members
		}
		say("done", answer)
	}
}

func obey(list *memberlist.Memberlist, conf *memberlist.Config, d *delegate, words []string) error {
	target := func() *memberlist.Node {
		for _, node := range list.Members() {
			if node.Name == words[1] {
				return node
			}
		}
		return nil
	}
	key := func() []byte {
		raw, _ := base64.StdEncoding.DecodeString(words[1])
		return raw
	}
	switch words[0] {
	case "join":
		_, err := list.Join(words[1:])
		return err
	case "send":
		if node := target(); node != nil {
			return list.SendBestEffort(node, []byte(words[2]))
		}
		return fmt.Errorf("no member %s", words[1])
	case "reliable":
		if node := target(); node != nil {
			return list.SendReliable(node, []byte(strings.Join(words[2:], " ")))
		}
		return fmt.Errorf("no member %s", words[1])
	case "broadcast":
		d.queue.QueueBroadcast(&broadcast{[]byte(words[1])})
	case "update":
		d.mu.Lock()
		d.meta = []byte(words[1])
		d.mu.Unlock()
		return list.UpdateNode(5 * time.Second)
	case "leave":
		return list.Leave(5 * time.Second)
	case "install":
		return conf.Keyring.AddKey(key())
	case "use":
		return conf.Keyring.UseKey(key())
	case "remove":
		return conf.Keyring.RemoveKey(key())
	}
	return nil
}
