package crypt

import (
	"container/list"
	"sync"
)

// ownerCache keeps the most recently used owners' opened keys.
type ownerCache struct {
	mu    sync.Mutex
	max   int
	byID  map[string]*list.Element
	order *list.List // of *Owner, most recently used first
}

func newOwnerCache(size int) *ownerCache {
	return &ownerCache{max: size, byID: make(map[string]*list.Element), order: list.New()}
}

func (c *ownerCache) get(id string) (*Owner, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byID[id]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	o, ok := e.Value.(*Owner)
	return o, ok
}

func (c *ownerCache) put(o *Owner) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byID[o.id]; ok { // two looked it up at once: the later one is as good
		e.Value = o
		c.order.MoveToFront(e)
		return
	}
	c.byID[o.id] = c.order.PushFront(o)
	if c.order.Len() <= c.max {
		return
	}
	last := c.order.Back()
	c.order.Remove(last)
	if old, ok := last.Value.(*Owner); ok {
		delete(c.byID, old.id)
	}
}
