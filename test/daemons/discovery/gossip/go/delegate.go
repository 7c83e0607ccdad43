package main

import (
	"encoding/hex"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

type broadcast struct{ message []byte }

func (b *broadcast) Invalidates(memberlist.Broadcast) bool { return false }
func (b *broadcast) Message() []byte                       { return b.message }
func (b *broadcast) Finished()                             {}

type delegate struct {
	mu    sync.Mutex
	meta  []byte
	name  string
	queue *memberlist.TransmitLimitedQueue
}

func (d *delegate) NodeMeta(limit int) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.meta
}

func (d *delegate) NotifyMsg(message []byte) {
	say("message", map[string]interface{}{"text": string(message)})
}

func (d *delegate) GetBroadcasts(overhead, limit int) [][]byte {
	return d.queue.GetBroadcasts(overhead, limit)
}

func (d *delegate) LocalState(join bool) []byte { return []byte("state of " + d.name) }

func (d *delegate) MergeRemoteState(buf []byte, join bool) {
	say("state", map[string]interface{}{"text": string(buf), "join": join})
}

func (d *delegate) AckPayload() []byte { return []byte("payload of " + d.name) }

func (d *delegate) NotifyPingComplete(other *memberlist.Node, rtt time.Duration, payload []byte) {
	say("ping", map[string]interface{}{"member": other.Name, "payload": string(payload)})
}

func (d *delegate) NotifyJoin(node *memberlist.Node)   { d.tell("join", node) }
func (d *delegate) NotifyLeave(node *memberlist.Node)  { d.tell("leave", node) }
func (d *delegate) NotifyUpdate(node *memberlist.Node) { d.tell("update", node) }

func (d *delegate) NotifyConflict(existing, other *memberlist.Node) { d.tell("conflict", other) }

func (d *delegate) tell(kind string, node *memberlist.Node) {
	say(kind, map[string]interface{}{"member": node.Name, "meta": string(node.Meta), "state": int(node.State)})
}

// tapTransport prints every datagram, and every write to a stream it opened.
type tapTransport struct {
	*memberlist.NetTransport
	streams int64
}

func (t *tapTransport) WriteTo(b []byte, addr string) (time.Time, error) {
	say("datagram", map[string]interface{}{"hex": hex.EncodeToString(b)})
	return t.NetTransport.WriteTo(b, addr)
}

func (t *tapTransport) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	say("datagram", map[string]interface{}{"hex": hex.EncodeToString(b)})
	return t.NetTransport.WriteToAddress(b, addr)
}

func (t *tapTransport) DialAddressTimeout(addr memberlist.Address, timeout time.Duration) (net.Conn, error) {
	conn, err := t.NetTransport.DialAddressTimeout(addr, timeout)
	if err != nil {
		return nil, err
	}
	return &tapConn{Conn: conn, id: atomic.AddInt64(&t.streams, 1)}, nil
}

type tapConn struct {
	net.Conn
	id int64
}

func (c *tapConn) Write(b []byte) (int, error) {
	say("stream", map[string]interface{}{"id": c.id, "hex": hex.EncodeToString(b)})
	return c.Conn.Write(b)
}
