// Trades with the grid alone, and looks at everything that differs from run to run in a usual program: the order of a map,
// random numbers, the clock, and goroutines. It prints what it saw.
package main

import (
	"fmt"
	"math/rand"
	"os"
	"time"
	"unsafe"
)

func main() {}

// What was handed out; a list that nobody refers to would be collected.
var kept [][]byte

//go:wasmexport cabi_realloc
func realloc(old, oldSize, align, size uint32) uint32 {
	block := make([]byte, uintptr(size)+uintptr(align))
	copy(block, unsafe.Slice((*byte)(unsafe.Pointer(uintptr(old))), oldSize))
	kept = append(kept, block)
	at := uint32(uintptr(unsafe.Pointer(&block[0])))
	at = (at + align - 1) / align * align
	copy(unsafe.Slice((*byte)(unsafe.Pointer(uintptr(at))), size), unsafe.Slice((*byte)(unsafe.Pointer(uintptr(old))), oldSize))
	return at
}

type text struct{ at, length uint32 }

func textOf(s string) text {
	at := realloc(0, 0, 8, uint32(len(s)))
	copy(unsafe.Slice((*byte)(unsafe.Pointer(uintptr(at))), len(s)), s)
	return text{at, uint32(len(s))}
}

type description struct {
	name, version, summary text
	settings, count        uint32
}

var described description

//go:wasmexport describe
func describe() unsafe.Pointer {
	described = description{name: textOf("wrapped-go"), version: textOf("1.0.0"), summary: textOf("Trades with the grid alone")}
	described.settings = realloc(0, 0, 4, 0)
	return unsafe.Pointer(&described)
}

type position struct {
	member           text
	surplus, deficit uint64
	offer, bid       int64
	retail, feedIn   int64
	share, rank      uint32
}

type party struct{ kind, index uint32 }

type trade struct {
	seller, buyer party
	energy        uint64
	price         int64
}

type answer struct {
	isError  uint32
	at, size uint32
}

var answered answer

//go:wasmexport clear
func clear(community, communityLength uint32, start uint64, duration uint32, retail, feedIn int64,
	hasFloor uint32, floor int64, hasCeiling uint32, ceiling int64, seed uint64,
	settings, settingsCount, positions, count uint32) unsafe.Pointer {
	seen := map[string]int{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8, "i": 9}
	order := ""
	for key := range seen {
		order += key
	}
	numbers := make(chan int)
	for n := range 5 {
		go func() {
			time.Sleep(time.Duration(5-n) * time.Second)
			numbers <- n
		}()
	}
	for range 5 {
		order += fmt.Sprint(<-numbers)
	}
	fmt.Fprintln(os.Stderr, order, rand.Int63(), time.Now().UTC().Format(time.RFC3339Nano), len(os.Args), os.Getenv("HOME") == "")
	_, err := os.ReadFile("/etc/passwd")
	fmt.Println(err)
	list := unsafe.Slice((*position)(unsafe.Pointer(uintptr(positions))), count)
	for _, p := range list {
		if unsafe.String((*byte)(unsafe.Pointer(uintptr(p.member.at))), p.member.length) == "panic" {
			panic("a mistake of the author's")
		}
		if unsafe.String((*byte)(unsafe.Pointer(uintptr(p.member.at))), p.member.length) == "exit" {
			os.Exit(3)
		}
	}
	trades := []trade{}
	for i, p := range list {
		if p.surplus > 0 {
			trades = append(trades, trade{party{2, uint32(i)}, party{}, p.surplus, p.feedIn})
		}
		if p.deficit > 0 {
			trades = append(trades, trade{party{}, party{2, uint32(i)}, p.deficit, p.retail})
		}
	}
	answered = answer{0, uint32(uintptr(unsafe.Pointer(unsafe.SliceData(trades)))), uint32(len(trades))}
	return unsafe.Pointer(&answered)
}
