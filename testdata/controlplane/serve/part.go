package serve

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// partCount is how many children a control plane has.
const partCount = 5

// logTailBytes is how much of a dead part's log its failure shows.
const logTailBytes = 2000

// errClosed says that the parent went away before the control plane was up.
var errClosed = errors.New("standard input was closed")

// part is one running child.
type part struct {
	name    string
	command *exec.Cmd
	log     string
	done    chan struct{}
}

// run starts a subcommand of this binary as a child, with its output in a log of its own.
func (c *cluster) run(name string, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p := &part{name: name, log: c.path(name + ".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	p.command = exec.Command(self, append([]string{name}, args...)...)
	p.command.Stdout, p.command.Stderr = log, log
	p.command.Dir = c.options.dir
	dieWithParent(p.command)
	if err := p.command.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	c.parts = append(c.parts, p)
	go func() {
		_ = p.command.Wait()
		close(p.done)
		c.ended <- p
	}()
	return nil
}

// stop kills all parts and waits until they are gone. None is asked first: an API server that is
// asked waits for its watches, and nothing here is worth saving.
func (c *cluster) stop() {
	for _, p := range c.parts {
		_ = p.command.Process.Kill()
	}
	for _, p := range c.parts {
		<-p.done
	}
}

// failure tells why a part that should have stayed is gone, in its own last words.
func (p *part) failure() error {
	<-p.done
	text, err := os.ReadFile(p.log)
	if err != nil {
		text = []byte(err.Error())
	}
	if len(text) > logTailBytes {
		text = text[len(text)-logTailBytes:]
	}
	return fmt.Errorf("%s ended (%s): %s", p.name, p.command.ProcessState, bytes.TrimSpace(text))
}
