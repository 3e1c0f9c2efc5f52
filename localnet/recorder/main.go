// Command recorder stands between a node and its clients, passes every byte
// through, and writes down when the bytes that matter passed.
//
//	recorder run -node 127.0.0.1:26657 -out FILE [-pass NAME=LISTEN=UPSTREAM]...
//	recorder delay -direct ADDRESS -through ADDRESS
//	recorder table -topic 67 -ours HEADING=SENDER -peer HEADING=SENDER FILE...
//
// 'run' ends on SIGTERM, with the node, or when its time is up.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fail(errors.New("say what to do: run, delay or table"))
	}
	commands := map[string]func([]string) error{"run": run, "delay": delay, "table": table}
	command, known := commands[os.Args[1]]
	if !known {
		fail(fmt.Errorf("'%s' is no command; it must be run, delay or table", os.Args[1]))
	}
	if err := command(os.Args[2:]); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "recorder:", err)
	os.Exit(1)
}

// route is one listening port of one client, and where its bytes go.
type route struct{ client, listen, upstream string }

func parseRoute(text string) (route, error) {
	parts := strings.Split(text, "=")
	if len(parts) != 3 {
		return route{}, fmt.Errorf("'%s' must read NAME=LISTEN=UPSTREAM", text)
	}
	return route{parts[0], parts[1], parts[2]}, nil
}

func run(arguments []string) error {
	var routes []route
	flags := flag.NewFlagSet("run", flag.ExitOnError)
	node := flags.String("node", "", "HOST:PORT of the node's RPC, for the recorder's own subscription")
	out := flags.String("out", "", "file that the record is written to")
	limit := flags.Duration("limit", 2*time.Hour, "the longest that this runs")
	flags.Func("pass", "NAME=LISTEN=UPSTREAM", func(text string) error {
		parsed, err := parseRoute(text)
		routes = append(routes, parsed)
		return err
	})
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	record, err := createRecord(*out)
	if err != nil {
		return err
	}
	defer record.close()
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	stop, expire := context.WithTimeout(stop, *limit)
	defer expire()
	ended := make(chan error, 1)
	for _, way := range routes {
		listener, err := net.Listen("tcp", way.listen)
		if err != nil {
			return fmt.Errorf("can't listen for %s: %w; choose other ports", way.client, err)
		}
		go accept(listener, way, record)
	}
	go func() { ended <- followChain(*node, record) }()
	fmt.Println("recorder: ready")
	select {
	case <-stop.Done():
		return nil
	case err := <-ended:
		return err
	}
}
