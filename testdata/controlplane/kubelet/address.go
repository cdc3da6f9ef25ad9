package kubelet

import (
	"net/netip"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// addresses gives each pod one of the network's addresses, none to two pods at a time.
type addresses struct {
	mutex   sync.Mutex
	network netip.Prefix
	last    netip.Addr
	byPod   map[types.UID]netip.Addr
	taken   map[netip.Addr]bool
}

func newAddresses(network netip.Prefix) *addresses {
	return &addresses{
		network: network,
		last:    network.Masked().Addr(),
		byPod:   map[types.UID]netip.Addr{},
		taken:   map[netip.Addr]bool{},
	}
}

// keep notes an address that a pod already has, from before this process.
func (a *addresses) keep(pod types.UID, text string) {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if _, known := a.byPod[pod]; !known {
		a.byPod[pod], a.taken[address] = address, true
	}
}

// of is the pod's address; it stays the same until freed. Freed ones come round last, so that
// nobody's stale knowledge of a gone pod leads to a new one.
func (a *addresses) of(pod types.UID) string {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if address, known := a.byPod[pod]; known {
		return address.String()
	}
	for {
		a.last = a.last.Next()
		if !a.network.Contains(a.last) {
			a.last = a.network.Masked().Addr().Next()
		}
		if !a.taken[a.last] {
			a.byPod[pod], a.taken[a.last] = a.last, true
			return a.last.String()
		}
	}
}

func (a *addresses) free(pod types.UID) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	delete(a.taken, a.byPod[pod])
	delete(a.byPod, pod)
}
