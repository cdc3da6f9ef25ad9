package serve

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are taken from below the range that the system gives to outgoing connections, so that none
// of those can take one between our choice and the moment it is listened on.
const (
	firstPort    = 20000
	lastPort     = 32000
	portsToProbe = 200
)

type ports struct{ etcd, etcdPeer, api int }

// choosePorts finds ports on loopback that nobody listens on right now.
func choosePorts() (ports, error) {
	var free []int
	for range portsToProbe {
		port := firstPort + rand.IntN(lastPort-firstPort)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		// Held until all are chosen, so that none is chosen twice.
		defer listener.Close()
		if free = append(free, port); len(free) == 3 {
			return ports{etcd: free[0], etcdPeer: free[1], api: free[2]}, nil
		}
	}
	return ports{}, errors.New("no free ports on loopback")
}
