// Go's runtime: goroutines, channels, select, garbage collection beside running threads, preemption, panics from faults,
// maps, big numbers, signals, child processes.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type node struct {
	left, right *node
	key         int
}

func tree(n int) *node {
	if n == 0 {
		return nil
	}
	return &node{tree(n - 1), tree(n - 1), n}
}

func (t *node) sum() int {
	if t == nil {
		return 0
	}
	return t.key + t.left.sum() + t.right.sum()
}

func fault(f func()) (s string) {
	defer func() { s = fmt.Sprint(recover()) }()
	f()
	return "none"
}

func main() {
	debug.SetGCPercent(20)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var n atomic.Int64
	total := 0
	ch := make(chan int, 10)
	for i := 0; i < 200; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := 0; j < 200; j++ {
				n.Add(1)
				mu.Lock()
				total += j
				mu.Unlock()
				if j%50 == 0 {
					ch <- i
				}
			}
		}()
	}
	go func() { wg.Wait(); close(ch) }()
	seen := 0
	for range ch {
		seen++
	}
	fmt.Println(n.Load(), total, seen)

	sums := make(chan int)
	for i := 0; i < 4; i++ {
		go func() {
			s := 0
			for r := 0; r < 10; r++ {
				s += tree(13).sum()
			}
			sums <- s
		}()
	}
	spin := new(atomic.Bool)
	go func() {
		for !spin.Load() { // must be preempted by a signal for the collector to go on
		}
	}()
	runtime.GC()
	fmt.Println(<-sums, <-sums, <-sums, <-sums)
	spin.Store(true)

	var null *node
	var m map[string]int
	a := []int{1, 2, 3}
	zero := len(a) - 3
	fmt.Println(fault(func() { null.key++ }), "|", fault(func() { m["x"] = 1 }), "|", fault(func() { a[zero+3]++ }), "|", fault(func() { zero = 7 / zero }))
	fmt.Println(fault(func() { panic(fmt.Errorf("own %d", 1)) }))

	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	for i := 0; i < 100; i++ {
		syscall.Kill(os.Getpid(), syscall.SIGUSR1)
		<-c
	}
	out, err := exec.Command("sh", "-c", "echo child $0; exit 4", "arg").Output()
	fmt.Printf("%s%v\n", out, err)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	select {
	case <-ctx.Done():
		fmt.Println(ctx.Err())
	case <-time.After(20 * time.Second):
	}

	words := strings.Fields(strings.Repeat("the quick brown fox jumps over the lazy dog ", 500))
	count := map[string]int{}
	for i, w := range words {
		count[fmt.Sprintf("%s%d", w, i%37)]++
	}
	keys := make([]string, 0, len(count))
	for k := range count {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	text, _ := json.Marshal(count)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(text)
	w.Close()
	r, _ := gzip.NewReader(&z)
	var back bytes.Buffer
	back.ReadFrom(r)
	fmt.Printf("%d %x %v\n", len(keys), sha256.Sum256(text), bytes.Equal(back.Bytes(), text))
	x := new(big.Int).Exp(big.NewInt(3), big.NewInt(5000), nil)
	fmt.Println(x.BitLen(), new(big.Int).Mod(x, big.NewInt(1000000007)), new(big.Int).Sqrt(x).BitLen())
	fmt.Println(runtime.GOARCH != "", runtime.NumGoroutine() < 10)
}
