// garbage.go - goroutines that make garbage, finalizers, the order of maps, and a collector that runs beside them.
package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

type node struct {
	next *node
	data [100]byte
	n    int
}

var finalized int64

func main() {
	var done sync.WaitGroup
	var kept [4]*node
	began := time.Now()
	for id := 0; id < 4; id++ {
		done.Add(1)
		go func(id int) {
			defer done.Done()
			for i := 0; i < 60000; i++ {
				n := &node{next: kept[id], n: i}
				if i%50 == 0 {
					n.next = nil
				}
				if i%1000 == 0 {
					runtime.SetFinalizer(n, func(*node) { atomic.AddInt64(&finalized, 1) })
				}
				kept[id] = n
			}
		}(id)
	}
	done.Wait()
	runtime.GC()
	m := map[int]int{}
	for i := 0; i < 100; i++ {
		m[i] = i
	}
	order := uint64(0)
	for k := range m {
		order = order*31 + uint64(k)
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	fmt.Printf("%d %x %d %d %d %v\n", atomic.LoadInt64(&finalized), order, stats.NumGC, stats.Mallocs, stats.HeapAlloc, time.Since(began))
}
