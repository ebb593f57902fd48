package market

import (
	"fmt"
	"math"
	"math/bits"
)

// Mid returns the midpoint of two prices, rounded towards minus infinity.
func Mid(a, b int64) int64 { return a&b + (a^b)>>1 } // the common bits, plus half of the differing ones

// Between returns the price that lies so many millionths (0 to 1000000) of the way from one price to another, rounded towards
// minus infinity.
func Between(from, to, millionths int64) int64 {
	if millionths < 0 || millionths > 1_000_000 {
		panic(fmt.Sprintf("%d millionths of the way are not between 0 and 1000000", millionths))
	}
	if to < from {
		// Downwards, and what is left over counts as a whole step.
		high, low := bits.Mul64(uint64(from)-uint64(to), uint64(millionths))
		steps, left := bits.Div64(high, low, 1_000_000)
		if left > 0 {
			steps++
		}
		return int64(uint64(from) - steps)
	}
	high, low := bits.Mul64(uint64(to)-uint64(from), uint64(millionths))
	steps, _ := bits.Div64(high, low, 1_000_000)
	return int64(uint64(from) + steps)
}

// PriceLimits are the limits on prices between members, in µEUR/kWh. The host rejects a result with a price outside them, so
// pass every price between members through Clamp.
type PriceLimits struct{ floor, ceiling int64 }

// Limits reads the limits of a round; a missing one allows every price. It is an error if the floor is above the ceiling.
func (round *Round) Limits() (PriceLimits, error) {
	limits := PriceLimits{math.MinInt64, math.MaxInt64}
	if round.PriceFloor != nil {
		limits.floor = *round.PriceFloor
	}
	if round.PriceCeiling != nil {
		limits.ceiling = *round.PriceCeiling
	}
	if limits.floor > limits.ceiling {
		return limits, fmt.Errorf("price floor %d is above price ceiling %d (lower the floor or raise the ceiling)",
			limits.floor, limits.ceiling)
	}
	return limits, nil
}

// Clamp returns the price within the limits that is nearest.
func (limits PriceLimits) Clamp(price int64) int64 { return limits.Lower(limits.Raise(price)) }

// Raise returns the price, raised to the floor if it is below.
func (limits PriceLimits) Raise(price int64) int64 { return max(price, limits.floor) }

// Lower returns the price, lowered to the ceiling if it is above.
func (limits PriceLimits) Lower(price int64) int64 { return min(price, limits.ceiling) }
