// goroutines.go - goroutines race for channels, mutexes and plain memory; some compute so long that they are preempted by signals.
package main

import (
	"fmt"
	"math/rand"
	"sync"
	"time"
)

var racy int
var digest uint64

func worker(id int, jobs <-chan int, results chan<- uint64, lock *sync.Mutex, done *sync.WaitGroup) {
	defer done.Done()
	var own uint64
	for j := range jobs {
		racy++
		for i := 0; i < 3000; i++ {
			own = own*31 + uint64(j^i)
		}
		lock.Lock()
		digest = digest*31 + uint64(id)
		lock.Unlock()
		results <- own
	}
}

// No call in the loop: only a signal gets in.
func computes(stop *bool, n *uint64) {
	for i := uint64(0); i < 40000000 && !*stop; i++ {
		*n += i
	}
}

func main() {
	rand.Seed(time.Now().UnixNano())
	jobs, results := make(chan int), make(chan uint64, 4)
	var lock sync.Mutex
	var done sync.WaitGroup
	var stop bool
	var sums [2]uint64
	for i := range sums {
		go computes(&stop, &sums[i])
	}
	for i := 0; i < 8; i++ {
		done.Add(1)
		go worker(i, jobs, results, &lock, &done)
	}
	go func() {
		for i := 0; i < 2000; i++ {
			jobs <- rand.Intn(1000)
		}
		close(jobs)
		done.Wait()
		close(results)
	}()
	var order uint64
	count, ticks := 0, 0
	tick := time.NewTicker(time.Millisecond)
	for open := true; open; {
		select {
		case r, ok := <-results:
			if open = ok; ok {
				order = order*31 + r
				count++
			}
		case <-tick.C:
			ticks++
			order++
		}
	}
	stop = true
	if count != 2000 {
		panic("results got lost")
	}
	fmt.Printf("%d %x %x %d %x\n", racy, digest, order, ticks, sums[0]^sums[1])
}
