package market

import (
	"math"
	"math/bits"
	"slices"
)

// Total is a sum of energies or weights, in 128 bits.
type Total struct{ high, low uint64 }

// Sum adds up energies or weights.
func Sum(values []uint64) Total {
	var total Total
	for _, value := range values {
		total = total.Plus(value)
	}
	return total
}

// Wh returns the total of this many watt-hours.
func Wh(energy uint64) Total { return Total{0, energy} }

// Plus returns the sum with an energy.
func (total Total) Plus(energy uint64) Total {
	low, carry := bits.Add64(total.low, energy, 0)
	return Total{total.high + carry, low}
}

// Minus returns the difference. It panics if the other is greater.
func (total Total) Minus(other Total) Total {
	low, borrow := bits.Sub64(total.low, other.low, 0)
	high, borrow := bits.Sub64(total.high, other.high, borrow)
	if borrow > 0 {
		panic("a total would be below zero")
	}
	return Total{high, low}
}

// Compare returns -1 if the total is less than the other, 0 if they are equal, 1 if it is more.
func (total Total) Compare(other Total) int {
	switch {
	case total == other:
		return 0
	case total.high < other.high || total.high == other.high && total.low < other.low:
		return -1
	default:
		return 1
	}
}

// Uint64 returns the total, or the largest number that fits.
func (total Total) Uint64() uint64 {
	if total.high > 0 {
		return math.MaxUint64
	}
	return total.low
}

// divide returns ⌊total·weight/sum⌋, or the largest number that fits, and the remainder. Total and sum are below 2⁹⁶.
func divide(total Total, weight uint64, sum Total) (uint64, Total) {
	// The product has up to 160 bits. Division bit by bit from the top, since sums beyond 64 bits are rare.
	upper, middle := bits.Mul64(total.high, weight)
	carried, low := bits.Mul64(total.low, weight)
	middle, carry := bits.Add64(middle, carried, 0)
	digits := [3]uint64{upper + carry, middle, low}
	var part, remainder Total
	for bit := 159; bit >= 0; bit-- {
		next := digits[2-bit/64] >> (bit % 64) & 1
		remainder = Total{remainder.high<<1 | remainder.low>>63, remainder.low<<1 | next}
		part = Total{part.high<<1 | part.low>>63, part.low << 1}
		if remainder.Compare(sum) >= 0 {
			remainder = remainder.Minus(sum)
			part.low |= 1
		}
	}
	return part.Uint64(), remainder
}

// Split splits a total in proportion to weights, by the largest remainder: part i is ⌊total·wᵢ/Σw⌋, and the units left over go
// one each to the largest remainders, of equal ones first to the one at or after first around the circle. The parts add up to
// the total; if all weights are 0, all parts are. A part that does not fit 64 bits is the largest number that does.
func Split(total Total, weights []uint64, first int) []uint64 {
	parts := make([]uint64, len(weights))
	sum := Sum(weights)
	if sum == (Total{}) {
		return parts
	}
	if total.high>>32 > 0 {
		panic("a total of 2^96 or more cannot be split")
	}
	// 64 bits suffice for communities of ordinary size.
	over, _ := bits.Mul64(total.low, slices.Max(weights))
	isSmall := sum.high == 0 && total.high == 0 && over == 0
	type ranked struct {
		remainder Total
		index     int
	}
	ranking := make([]ranked, 0, len(weights))
	leftOver := total
	for place := range weights {
		index := (place + first) % len(weights)
		var remainder Total
		if isSmall {
			product := total.low * weights[index]
			parts[index] = product / sum.low
			remainder.low = product % sum.low
		} else {
			parts[index], remainder = divide(total, weights[index], sum)
		}
		leftOver = leftOver.less(parts[index])
		ranking = append(ranking, ranked{remainder, index})
	}
	if leftOver == (Total{}) {
		return parts
	}
	slices.SortStableFunc(ranking, func(a, b ranked) int { return b.remainder.Compare(a.remainder) })
	for _, next := range ranking[:min(leftOver.Uint64(), uint64(len(ranking)))] {
		if parts[next.index] < math.MaxUint64 {
			parts[next.index]++
		}
	}
	return parts
}

// less returns the total without a part of it.
func (total Total) less(part uint64) Total { return total.Minus(Total{0, part}) }

// Cascade splits a total by weight, but gives each at most its cap: what somebody cannot take is split again among the others,
// until nothing is left or nobody who can take more has a weight. First is where the circle begins (see [Round.Turn]).
func Cascade(total Total, weights, caps []uint64, first int) []uint64 {
	got, open := make([]uint64, len(weights)), make([]uint64, len(weights))
	for total != (Total{}) {
		for index, weight := range weights {
			open[index] = weight
			if got[index] >= caps[index] {
				open[index] = 0
			}
		}
		before := total
		for index, part := range Split(total, open, first) {
			taken := min(part, caps[index]-got[index])
			got[index] += taken
			total = total.less(taken)
		}
		if total == before {
			break
		}
	}
	return got
}
