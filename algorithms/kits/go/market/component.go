//go:build wasip1

package market

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"unsafe"
)

// How the host calls an algorithm: the canonical ABI of wit/market.wit, by hand, since the world is fixed. An author never calls
// anything here.

// Memory that the host asked for, so that it is not moved or reused.
var kept [][]uint64

//go:wasmexport cabi_realloc
func realloc(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	// One call, then the instance is dropped: collecting would only cost.
	debug.SetGCPercent(-1)
	if size == 0 {
		return unsafe.Pointer(uintptr(align))
	}
	block := make([]uint64, (size+7)/8)
	kept = append(kept, block)
	pointer := unsafe.Pointer(unsafe.SliceData(block))
	copy(unsafe.Slice((*byte)(pointer), size), unsafe.Slice((*byte)(old), oldSize))
	return pointer
}

type text struct{ bytes, length uint32 }

func (text text) String() string {
	if text.length == 0 {
		return ""
	}
	return unsafe.String((*byte)(pointer(text.bytes)), text.length)
}

func textOf(value string) text {
	return text{uint32(uintptr(unsafe.Pointer(unsafe.StringData(value)))), uint32(len(value))}
}

// pointer turns a number that came from the host into the pointer that it is.
func pointer(address uint32) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&pointerBits{address}))
}

type pointerBits struct{ address uint32 }

func list[T any](address, count uint32) []T {
	if count == 0 {
		return nil
	}
	return unsafe.Slice((*T)(pointer(address)), count)
}

func addressOf[T any](list []T) uint32 {
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(list))))
}

type (
	rawPosition struct {
		member           text
		surplus, deficit uint64
		offer, bid       int64
		retail, feedIn   int64
		share, rank      uint32
	}
	rawSetting     struct{ key, value text }
	rawDescription struct {
		name, version, summary  text
		settings, settingsCount uint32
	}
	rawDescribed struct{ key, summary, value text }
	rawAnswer    struct{ isError, items, count uint32 }
)

//go:wasmexport describe
func describe() unsafe.Pointer {
	settings := make([]rawDescribed, 0, len(exported.Settings))
	for _, setting := range exported.Settings {
		settings = append(settings, rawDescribed{textOf(setting.Key), textOf(setting.Summary), textOf(setting.Default)})
	}
	return unsafe.Pointer(&rawDescription{
		name:          textOf(exported.Name),
		version:       textOf(exported.Version),
		summary:       textOf(exported.Summary),
		settings:      addressOf(settings),
		settingsCount: uint32(len(settings)),
	})
}

//go:wasmexport clear
func clearRound(community, communityLength uint32, start uint64, duration uint32, retail, feedIn int64, hasFloor uint32, floor int64,
	hasCeiling uint32, ceiling int64, seed uint64, settings, settingCount, positions, positionCount uint32) unsafe.Pointer {
	debug.SetGCPercent(-1)
	round := &Round{
		Community: text{community, communityLength}.String(),
		Start:     start,
		Duration:  duration,
		Retail:    retail,
		FeedIn:    feedIn,
		Seed:      seed,
		Settings:  make(map[string]string, settingCount),
		Positions: make([]Position, positionCount),
	}
	if hasFloor != 0 {
		round.PriceFloor = &floor
	}
	if hasCeiling != 0 {
		round.PriceCeiling = &ceiling
	}
	for _, setting := range list[rawSetting](settings, settingCount) {
		round.Settings[setting.key.String()] = setting.value.String()
	}
	raw := list[rawPosition](positions, positionCount)
	for index := range raw {
		position := &raw[index]
		round.Positions[index] = Position{position.member.String(), position.surplus, position.deficit, position.offer,
			position.bid, position.retail, position.feedIn, position.share, position.rank}
	}
	trades, err := safely(round)
	if err != nil {
		message := textOf(err.Error())
		return unsafe.Pointer(&rawAnswer{1, message.bytes, message.length})
	}
	// A trade lies in memory as the interface has it.
	return unsafe.Pointer(&rawAnswer{0, addressOf(trades), uint32(len(trades))})
}

const (
	_ = uint(64-unsafe.Sizeof(rawPosition{})) + uint(unsafe.Sizeof(rawPosition{})-64)
	_ = uint(32-unsafe.Sizeof(Trade{})) + uint(unsafe.Sizeof(Trade{})-32)
)

// safely clears a round, and turns a panic into an error with file and line.
func safely(round *Round) (trades []Trade, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%s%v", place(), cause)
		}
	}()
	if exported.Clear == nil {
		return nil, errors.New("no algorithm is exported (call market.Export in init)")
	}
	if trades, err = exported.Clear(round); err != nil {
		return nil, err
	}
	return trades, checkTrades(trades, len(round.Positions))
}

// place returns file and line of the author's code that panicked: the innermost that is neither Go's nor the kit's.
func place() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])
	for {
		frame, more := frames.Next()
		isKit := strings.Contains(frame.Function, "/market.")
		if !isKit && !strings.HasPrefix(frame.Function, "runtime.") && frame.File != "" {
			return fmt.Sprintf("%s:%d: ", frame.File[strings.LastIndexByte(frame.File, '/')+1:], frame.Line)
		}
		if !more {
			fmt.Fprintln(os.Stderr, string(debug.Stack()))
			return ""
		}
	}
}
