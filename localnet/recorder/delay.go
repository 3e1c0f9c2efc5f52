package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"sort"
	"time"
)

// delay prints how long an empty request takes (the median): the same one goes
// directly and through the proxy in turns, each on a warm connection.
func delay(arguments []string) error {
	flags := flag.NewFlagSet("delay", flag.ExitOnError)
	direct := flags.String("direct", "", "HOST:PORT of the node's RPC")
	through := flags.String("through", "", "HOST:PORT of the proxy")
	rounds := flags.Int("rounds", 500, "requests on each way")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	var times [2][]float64
	var ways [2]*way
	for at, address := range []string{*direct, *through} {
		opened, err := open(address)
		if err != nil {
			return err
		}
		defer opened.Close()
		ways[at] = opened
	}
	for round := 0; round < *rounds+10; round++ {
		for at, way := range ways {
			took, err := way.ask()
			if err != nil {
				return fmt.Errorf("an empty request failed: %w", err)
			}
			// The first ones warm the connection.
			if round >= 10 {
				times[at] = append(times[at], float64(took.Microseconds())/1000)
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	sort.Float64s(times[0])
	sort.Float64s(times[1])
	for at, name := range []string{"empty_direct_ms", "empty_through_ms"} {
		fmt.Printf("{\"kind\":\"figure\",\"name\":\"%s\",\"value\":%.3f}\n", name, quantile(times[at], 0.5))
	}
	return nil
}

// way is a connection that asks for nothing.
type way struct {
	net.Conn
	answers *bufio.Reader
}

func open(address string) (*way, error) {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s can't be reached: %w", address, err)
	}
	return &way{connection, bufio.NewReader(connection)}, nil
}

func (w *way) ask() (time.Duration, error) {
	began := time.Now()
	if _, err := fmt.Fprintf(w, "GET /health HTTP/1.1\r\nHost: node\r\n\r\n"); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(w.answers, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.ReadAll(answer.Body)
	return time.Since(began), err
}

// quantile of sorted numbers: the smallest that at least this share does not pass.
func quantile(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := int(share*float64(len(sorted)) + 0.999999)
	return sorted[min(max(at-1, 0), len(sorted)-1)]
}
