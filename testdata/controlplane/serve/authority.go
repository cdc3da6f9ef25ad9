package serve

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certificateLife is longer than any test and short enough to be of no use afterwards.
const certificateLife = 24 * time.Hour

// authority holds the keys of one control plane, all of them files in its folder.
type authority struct {
	certificate        []byte
	certificateFile    string
	servingCertificate string
	servingKey         string
	serviceAccountKey  string
}

// newAuthority makes a certificate authority, a serving certificate for loopback signed by it, and
// the key that service account tokens are signed with.
func newAuthority(dir string) (*authority, error) {
	a := &authority{
		certificateFile:    filepath.Join(dir, "ca.crt"),
		servingCertificate: filepath.Join(dir, "serving.crt"),
		servingKey:         filepath.Join(dir, "serving.key"),
		serviceAccountKey:  filepath.Join(dir, "service-account.key"),
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	root := template(1, "sluice-test-authority")
	root.IsCA = true
	root.BasicConstraintsValid = true
	root.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	encoded, err := x509.CreateCertificate(rand.Reader, root, root, &rootKey.PublicKey, rootKey)
	if err != nil {
		return nil, err
	}
	a.certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: encoded})
	if err := os.WriteFile(a.certificateFile, a.certificate, 0o600); err != nil {
		return nil, err
	}
	if err := a.writeServing(root, rootKey); err != nil {
		return nil, err
	}
	_, err = writeKey(a.serviceAccountKey)
	return a, err
}

func (a *authority) writeServing(root *x509.Certificate, rootKey *ecdsa.PrivateKey) error {
	key, err := writeKey(a.servingKey)
	if err != nil {
		return err
	}
	leaf := template(2, "kube-apiserver")
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1)}
	leaf.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	encoded, err := x509.CreateCertificate(rand.Reader, leaf, root, &key.PublicKey, rootKey)
	if err != nil {
		return err
	}
	return os.WriteFile(a.servingCertificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: encoded}), 0o600)
}

func template(serial int64, name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(certificateLife),
	}
}

func writeKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: encoded}), 0o600)
}
