package serve

import (
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Users that the parts of the control plane act as. They bypass authorization, as does the
// administrator that the tests act as; every other user has exactly what RBAC gives.
const (
	adminUser             = "admin"
	controllerManagerUser = "system:kube-controller-manager"
	schedulerUser         = "system:kube-scheduler"
	kubeletUser           = "simulated-kubelet"
)

// auditPolicy says what the audit log holds.
//
//go:embed audit-policy.yaml
var auditPolicy []byte

// cluster is one control plane: its folder, its credentials and its running parts.
type cluster struct {
	options     *options
	began       time.Time
	server      string
	ports       ports
	authority   *authority
	kubeconfigs map[string]string
	tokens      map[string]string
	parts       []*part
	ended       chan *part
}

// newCluster chooses ports and writes all files that the parts need. Nothing runs yet.
func newCluster(o *options) (*cluster, error) {
	ports, err := choosePorts()
	if err != nil {
		return nil, err
	}
	c := &cluster{
		options:     o,
		began:       time.Now(),
		server:      fmt.Sprintf("https://127.0.0.1:%d", ports.api),
		ports:       ports,
		kubeconfigs: map[string]string{},
		tokens:      map[string]string{},
		ended:       make(chan *part, partCount),
	}
	if err := os.RemoveAll(c.path("etcd")); err != nil {
		return nil, err
	}
	if c.authority, err = newAuthority(o.dir); err != nil {
		return nil, err
	}
	if err := os.WriteFile(c.path("audit-policy.yaml"), auditPolicy, 0o600); err != nil {
		return nil, err
	}
	return c, c.writeUsers()
}

func (c *cluster) path(name string) string { return filepath.Join(c.options.dir, name) }

// writeUsers gives each user a token and a kubeconfig.
func (c *cluster) writeUsers() error {
	var table []byte
	add := func(user, group string) error {
		token, err := newToken()
		if err != nil {
			return err
		}
		c.tokens[user] = token
		table = fmt.Appendf(table, "%s,%s,%s,%s\n", token, user, user, group)
		path := c.path(fileName(user) + ".kubeconfig")
		c.kubeconfigs[user] = path
		return os.WriteFile(path, kubeconfig(c.server, c.authority.certificate, user, token), 0o600)
	}
	for _, user := range []string{adminUser, controllerManagerUser, schedulerUser, kubeletUser} {
		if err := add(user, "system:masters"); err != nil {
			return err
		}
	}
	for _, user := range c.options.users {
		if err := add(user, ""); err != nil {
			return err
		}
	}
	return os.WriteFile(c.path("tokens.csv"), table, 0o600)
}

func newToken() (string, error) {
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	return hex.EncodeToString(random), nil
}

// start brings the parts up in order and waits until pods can be scheduled.
func (c *cluster) start(closed <-chan struct{}) error {
	etcd := fmt.Sprintf("http://127.0.0.1:%d", c.ports.etcd)
	if err := c.run("etcd", "--data-dir", c.path("etcd"), "--client-url", etcd,
		"--peer-url", fmt.Sprintf("http://127.0.0.1:%d", c.ports.etcdPeer)); err != nil {
		return err
	}
	if err := c.run("kube-apiserver", c.apiServerFlags(etcd)...); err != nil {
		return err
	}
	if err := c.wait(closed, "the API server", c.apiServerReady); err != nil {
		return err
	}
	// Without leader election each waits for nobody; no secure port, since nobody asks them.
	common := []string{"--leader-elect=false", "--secure-port=0", "--kube-api-qps=500", "--kube-api-burst=1000"}
	manager := append([]string{
		"--kubeconfig", c.kubeconfigs[controllerManagerUser],
		"--service-account-private-key-file", c.authority.serviceAccountKey,
		"--root-ca-file", c.authority.certificateFile,
		"--concurrent-deployment-syncs=20",
		"--concurrent-replicaset-syncs=20",
	}, common...)
	if err := c.run("kube-controller-manager", manager...); err != nil {
		return err
	}
	if err := c.run("kube-scheduler", append([]string{"--kubeconfig", c.kubeconfigs[schedulerUser]}, common...)...); err != nil {
		return err
	}
	kubelet := append([]string{"--kubeconfig", c.kubeconfigs[kubeletUser], "--nodes", strconv.Itoa(c.options.nodes)}, c.options.kubelet...)
	if err := c.run("kubelet", kubelet...); err != nil {
		return err
	}
	return c.wait(closed, "nodes and service accounts", c.usable)
}

func (c *cluster) apiServerFlags(etcd string) []string {
	return []string{
		"--etcd-servers=" + etcd,
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(c.ports.api),
		// The address is loopback, which no endpoint of the service `kubernetes` may have.
		"--endpoint-reconciler-type=none",
		"--tls-cert-file=" + c.authority.servingCertificate,
		"--tls-private-key-file=" + c.authority.servingKey,
		"--token-auth-file=" + c.path("tokens.csv"),
		"--authorization-mode=Node,RBAC",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.authority.serviceAccountKey,
		"--service-account-signing-key-file=" + c.authority.serviceAccountKey,
		"--audit-policy-file=" + c.path("audit-policy.yaml"),
		"--audit-log-path=" + c.path("audit.log"),
		"--profiling=false",
	}
}
