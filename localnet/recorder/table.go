package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
)

// contender is one of the two workers: its name in the record, its column's
// heading and the address that it sends from.
type contender struct{ name, heading, sender string }

func parseContender(name, text string) (contender, error) {
	heading, sender, whole := strings.Cut(text, "=")
	if !whole {
		return contender{}, fmt.Errorf("'%s' must read HEADING=SENDER", text)
	}
	return contender{name, heading, sender}, nil
}

// table prints the comparison of two workers from the records that are named.
func table(arguments []string) error {
	var contenders [2]contender
	flags := flag.NewFlagSet("table", flag.ExitOnError)
	topic := flags.Uint64("topic", 67, "the topic")
	for at, name := range []string{"ours", "peer"} {
		flags.Func(name, "HEADING=SENDER", func(text string) (err error) {
			contenders[at], err = parseContender(name, text)
			return err
		})
	}
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	lines, err := readRecords(flags.Args())
	if err != nil {
		return err
	}
	windows := between(lines, *topic)
	if len(windows) == 0 {
		return fmt.Errorf("no window opened between the marks 'begin' and 'end'")
	}
	var results [2]result
	for at, contender := range contenders {
		results[at] = judge(lines, contender, *topic, windows)
	}
	printTable(contenders, results, lines, len(windows))
	return nil
}

func readRecords(paths []string) ([]entry, error) {
	var lines []entry
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		scanner := bufio.NewScanner(file)
		scanner.Buffer(nil, 16<<20)
		for number := 1; scanner.Scan(); number++ {
			var line entry
			if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
				return nil, fmt.Errorf("%s:%d is no entry: %w", path, number, err)
			}
			lines = append(lines, line)
		}
		file.Close()
		if err := scanner.Err(); err != nil {
			return nil, fmt.Errorf("%s can't be read: %w", path, err)
		}
	}
	sort.SliceStable(lines, func(a, b int) bool { return lines[a].At < lines[b].At })
	return lines, nil
}

// between lists the nonces that the topic's blocks opened between the marks.
func between(lines []entry, topic uint64) []int64 {
	var nonces []int64
	inside := false
	for _, line := range lines {
		if line.Kind == kindMark {
			inside = line.Name == "begin"
		}
		for _, opened := range line.Opened {
			if inside && line.Kind == kindBlock && opened.Topic == topic {
				nonces = append(nonces, opened.Nonce)
			}
		}
	}
	return nonces
}

// figure is the newest value of a name that the script measured.
func figure(lines []entry, client, name string) string {
	for at := len(lines) - 1; at >= 0; at-- {
		if line := lines[at]; line.Kind == kindFigure && line.Client == client && line.Name == name {
			return fmt.Sprintf("%.4g", line.Value)
		}
	}
	return "-"
}

func printTable(contenders [2]contender, results [2]result, lines []entry, windows int) {
	fmt.Printf("| over %d windows | %s | %s |\n|---|---|---|\n", windows, contenders[0].heading, contenders[1].heading)
	row := func(name string, cell func(at int) string) {
		fmt.Printf("| %s | %s | %s |\n", name, cell(0), cell(1))
	}
	measured := func(name, key, unit string) {
		row(name, func(at int) string {
			return strings.TrimSuffix(figure(lines, contenders[at].name, key)+" "+unit, " ")
		})
	}
	row("windows answered, of those opened", func(at int) string {
		return fmt.Sprintf("%d of %d", results[at].answered, windows)
	})
	row("included at", func(at int) string { return results[at].placesText() })
	row("transactions for them, in blocks", func(at int) string { return fmt.Sprint(results[at].spent) })
	row("event to mempool: p50 / p99 / max", func(at int) string { return spread(results[at].toMempool) })
	row("block to event passed on: p50 / p99 / max", func(at int) string { return spread(results[at].toEvent) })
	row("event to broadcast handed in: p50 / p99 / max", func(at int) string { return spread(results[at].toHandIn) })
	row("block to inclusion known: p50 / p99 / max", func(at int) string { return spread(results[at].toKnown) })
	row("block to its own word of it: p50 / p99 / max", func(at int) string { return spread(results[at].toSaid) })
	row("inclusions known by", func(at int) string { return results[at].bysText() })
	measured("resident memory after the windows", "resident_mb", "MB")
	measured("CPU while idle, of a core over 60 s", "idle_percent", "%")
	row("start to subscribed", func(at int) string { return startText(lines, contenders[at].name) })
	measured("CPU from start until then", "start_cpu_s", "s")
	ours, peers := quantile(results[0].toMempool, 0.5), quantile(results[1].toMempool, 0.5)
	if ours > 0 {
		fmt.Printf("\nEvent to mempool, ratio of the medians: %.1f\n", peers/ours)
	}
	fmt.Printf("An empty request takes %s ms directly and %s ms through the proxy (medians).\n",
		figure(lines, "", "empty_direct_ms"), figure(lines, "", "empty_through_ms"))
}

func spread(sorted []float64) string {
	if len(sorted) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f / %.1f / %.1f ms", quantile(sorted, 0.5), quantile(sorted, 0.99), sorted[len(sorted)-1])
}

// startText measures from the last start before the mark 'begin' to the grant
// of the subscription to window openings.
func startText(lines []entry, client string) string {
	var started int64
	wanted := map[string]bool{}
	took := "-"
	for _, line := range lines {
		switch {
		case line.Kind == kindMark && line.Name == "begin":
			return took
		case line.Kind == kindMark && line.Client == client && line.Name == "started":
			started, wanted, took = line.At, map[string]bool{}, "-"
		case line.Client != client || started == 0:
		case line.Kind == kindSubscribe && strings.Contains(line.Query, windowOpened):
			wanted[line.ID] = true
		case line.Kind == kindGranted && wanted[line.ID] && took == "-":
			took = fmt.Sprintf("%.0f ms", float64(line.At-started)/1000)
		}
	}
	return took
}
