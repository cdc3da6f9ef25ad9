package serve

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// kubeconfig is that of one user of one cluster; it needs no other file.
func kubeconfig(server string, authority []byte, user, token string) []byte {
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
  - name: test
    cluster:
      server: %s
      certificate-authority-data: %s
users:
  - name: %q
    user:
      token: %s
contexts:
  - name: test
    context: {cluster: test, user: %q}
current-context: test
`, server, base64.StdEncoding.EncodeToString(authority), user, token, user)
}

// fileName is the user's name without what a file name had better not hold.
func fileName(user string) string { return strings.NewReplacer(":", "-", "/", "-").Replace(user) }
