package serve

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// claim is the right to a folder: a lock that the system releases however this process ends.
type claim struct {
	dir  string
	lock *os.File
}

const lockSuffix = ".lock"

// claimDir makes the folder ours and removes those beside it whose owners were killed. One process
// at a time does this, lest one takes another's new lock for a leftover.
func claimDir(dir string) (*claim, error) {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	turn, err := lock(filepath.Join(parent, ".claims"), syscall.LOCK_EX)
	if err != nil {
		return nil, err
	}
	defer turn.lock.Close()
	c, err := lock(dir, syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		return nil, fmt.Errorf("%s is in use: %w", dir, err)
	}
	removeLeftovers(parent, dir)
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	return c, os.Mkdir(dir, 0o700)
}

func lock(dir string, how int) (*claim, error) {
	file, err := os.OpenFile(dir+lockSuffix, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), how); err != nil {
		file.Close()
		return nil, err
	}
	return &claim{dir: dir, lock: file}, nil
}

// removeLeftovers frees the memory of control planes that ended without cleaning up.
func removeLeftovers(parent, ours string) {
	locks, _ := filepath.Glob(filepath.Join(parent, "[^.]*"+lockSuffix))
	for _, path := range locks {
		dir := strings.TrimSuffix(path, lockSuffix)
		if dir == ours {
			continue
		}
		if left, err := lock(dir, syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			left.release(false)
		}
	}
}

// release removes the folder, or with keep only the data in it: what has no lock is no leftover.
func (c *claim) release(keep bool) {
	gone := c.dir
	if keep {
		gone = filepath.Join(c.dir, "etcd")
	}
	_ = os.RemoveAll(gone)
	_ = os.Remove(c.dir + lockSuffix)
	c.lock.Close()
}
