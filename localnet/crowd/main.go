// Command crowd makes a local chain a little busier: peers that answer its windows, and a reputer that
// judges all answers, so that the chain has scores and rewards to tell of.
//
//	crowd peers   -node URL -chain ID [-topic 67] [-topics 1] [-count 3] [-for WINDOWS]
//	crowd reputer -node URL -chain ID [-topic 67] [-topics 1] [-truth VALUE] [-for WINDOWS]
//
// Both work until they are stopped, or for so many windows of each topic. The words of the admin's wallet,
// which pays for all, stand in CROWD_WORDS; the peers' wallets are derived from the same words.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	_ "github.com/allora-network/allora-chain/app/params" // sets the addresses' prefix
)

// How often the chain is asked for something to do.
const pace = 300 * time.Millisecond

// crowd is what both commands share.
type crowd struct {
	node   *node
	words  string
	topics []uint64
	// limit is the number of windows of each topic after which it is enough; 0 for none.
	limit int
	done  map[window]bool
	count map[uint64]int
}

// window is one of a topic's.
type window struct {
	topic uint64
	nonce int64
}

func main() {
	if len(os.Args) < 2 {
		fail(errors.New("say what to do: peers or reputer"))
	}
	flags := flag.NewFlagSet("crowd", flag.ExitOnError)
	url := flags.String("node", "http://127.0.0.1:26657", "the node's RPC")
	chain := flags.String("chain", "allora-localnet-1", "the chain's id")
	first := flags.Uint64("topic", 67, "the first topic")
	topics := flags.Uint64("topics", 1, "how many topics")
	limit := flags.Int("for", 0, "windows of each topic after which it ends; 0: none")
	count := flags.Int("count", 3, "how many peers")
	truth := flags.Float64("truth", 0, "what answers are measured against")
	if err := flags.Parse(os.Args[2:]); err != nil {
		fail(err)
	}
	words := strings.TrimSpace(os.Getenv("CROWD_WORDS"))
	if words == "" {
		fail(errors.New("CROWD_WORDS is empty; set it to the words of the admin's wallet"))
	}
	all := &crowd{node: newNode(*url, *chain), words: words, limit: *limit, done: map[window]bool{}, count: map[uint64]int{}}
	for id := *first; id < *first+*topics; id++ {
		all.topics = append(all.topics, id)
	}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	var err error
	switch os.Args[1] {
	case "peers":
		err = all.peers(stop, *count)
	case "reputer":
		err = all.reputer(stop, *truth)
	default:
		err = fmt.Errorf("'%s' is no command; it must be peers or reputer", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
}

// Looks at each topic again and again, until it is enough. What goes wrong is told, and tried again.
func (c *crowd) watch(stop context.Context, look func(topic uint64) error) error {
	told := ""
	for {
		for _, topic := range c.topics {
			if err := look(topic); err != nil && err.Error() != told {
				told = err.Error()
				say("%s; trying again", told)
			}
		}
		if c.isEnough() {
			return nil
		}
		select {
		case <-stop.Done():
			return nil
		case <-time.After(pace):
		}
	}
}

func (c *crowd) isEnough() bool {
	for _, topic := range c.topics {
		if c.limit == 0 || c.count[topic] < c.limit {
			return false
		}
	}
	return true
}

// Remembers a window that was served.
func (c *crowd) serve(topic uint64, nonce int64) {
	c.done[window{topic, nonce}] = true
	c.count[topic]++
}

func say(format string, values ...any) {
	fmt.Printf("crowd: "+format+"\n", values...)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "crowd:", err)
	os.Exit(1)
}
